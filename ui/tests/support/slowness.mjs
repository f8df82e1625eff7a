// How busy the machine is with other things.

const SPIN_MS = 30;

/** How many times as long as alone a program takes now, since others use the machine: 1 where it has a processor for itself. */
export function slowness() {
  const [begun, before] = [performance.now(), process.cpuUsage()];
  const used = ({ user, system }) => (user + system) / 1000;
  while (used(process.cpuUsage(before)) < SPIN_MS);
  return Math.max(1, (performance.now() - begun) / used(process.cpuUsage(before)));
}
