// How long it takes from the address to a page that can be used, by a browser that has nothing of the console yet: prints
// the times in milliseconds as JSON. `SIDEGATE_BIN=… node ui/bench/first-view.mjs VIEWS PROGRAM-OF-A-PLUGIN`

import { startBrowser, Visitor } from "../tests/support/browser.mjs";
import { Gateway } from "../tests/support/gateway.mjs";

const [views, program] = process.argv.slice(2);
const browser = await startBrowser();
const gateway = await Gateway.start({ LOG_LEVEL: "warn" });
try {
  await gateway.api.addPlugin({ name: "bench", slug: "bench", command: `file://${program}` });
  const visitor = await Visitor.come(browser, gateway);
  await visitor.signIn(gateway.api.token);
  // The session alone goes on: nothing that a browser keeps of files.
  const storageState = await visitor.context.storageState();
  const times = [];
  for (let view = 0; view < Number(views); view += 1) {
    const context = await browser.newContext({ storageState, viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    const begun = performance.now();
    await page.goto(gateway.page("/plugins"), { waitUntil: "commit" });
    await page.getByRole("link", { name: "bench", exact: true }).first().waitFor();
    times.push(performance.now() - begun);
    await context.close();
  }
  console.log(JSON.stringify(times));
} finally {
  await browser.close();
  await gateway.stop();
}
