// Dialogs that lie over everything else: shown here and nowhere else, so that what must not hear them knows of each beforehand.
import { type RefObject, useEffect, useRef } from "react";

let open = 0;
const listeners = new Set<() => void>();

/** Whether a dialog lies over the page, or is about to. */
export function isCovered(): boolean {
  return open > 0;
}

/** Calls this when the first dialog is about to be shown, before it takes the keyboard, and when the last has gone. */
export function onCovered(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function count(step: number) {
  const before = isCovered();
  open += step;
  if (isCovered() !== before) for (const listener of listeners) listener();
}

/** Of a dialog that lies over the page for as long as it is mounted; `shown` says what of it gets the keyboard. */
export function useModal(shown?: (dialog: HTMLDialogElement) => void): RefObject<HTMLDialogElement | null> {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    count(1);
    dialog.showModal();
    shown?.(dialog);
    return () => count(-1);
  }, []);
  return ref;
}
