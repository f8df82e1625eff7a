// What lies over a page: drawers, questions, menus. Native <dialog>: focus, Escape and the rest of the page are the browser's care.
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./basics";
import { Icon, type IconName } from "./Icon";
import { useModal } from "./modal";

type DrawerProps = {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  footer?: ReactNode;
  /** What it shows is never shown again: only its own button closes it. */
  stays?: boolean;
};

export function Drawer({ title, onClose, children, footer, stays }: DrawerProps) {
  // The browser would take the first button, which closes it: who opened a form wants to write. What React focuses of itself is not on the screen yet.
  const ref = useModal((dialog) => dialog.querySelector<HTMLElement>(".body form :is(input, select, textarea):enabled")?.focus());
  const heading = useId();
  return (
    <dialog
      ref={ref}
      className="drawer"
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(event) => !stays && event.target === ref.current && ref.current.close()}
      onCancel={(event) => stays && event.preventDefault()}
      onKeyDown={(event) => stays && event.key === "Escape" && event.preventDefault()}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        {!stays && <Button kind="ghost" icon="x" label="Close" onClick={() => ref.current?.close()} />}
      </header>
      {/* Reached by keys, so that it can be scrolled where nothing in it can be reached. */}
      <div className="body" tabIndex={0}>{children}</div>
      {footer && <footer>{footer}</footer>}
    </dialog>
  );
}

type Question = { title: string; children?: ReactNode; action: string; danger?: boolean; busy?: boolean; typed?: string; onConfirm: () => void; onClose: () => void };

/** One question before something that cannot be undone; with `typed`, the name must be written first. */
export function Confirm({ title, children, action, danger, busy, typed, onConfirm, onClose }: Question) {
  // What Enter does at once is the harmless answer; where a name is to be written, that comes first.
  const ref = useModal((dialog) => dialog.querySelector<HTMLElement>(typed ? "input" : danger ? "footer .btn" : "footer .primary")?.focus());
  const heading = useId();
  const [text, setText] = useState("");
  return (
    <dialog ref={ref} className="confirm" aria-labelledby={heading} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <div className="body">
          <h2 id={heading}>{title}</h2>
          {children && <div className="muted">{children}</div>}
          {typed && (
            <label className="field">
              <span className="label">Write <code>{typed}</code> to confirm</span>
              <input className="input" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" spellCheck={false} />
            </label>
          )}
        </div>
        <footer>
          <Button onClick={() => ref.current?.close()}>Cancel</Button>
          <Button type="submit" kind={danger ? "danger-primary" : "primary"} busy={busy} disabled={typed !== undefined && text !== typed}>
            {action}
          </Button>
        </footer>
      </form>
    </dialog>
  );
}

export type MenuEntry = { text: string; icon?: IconName; danger?: boolean; disabled?: string | false; onSelect: () => void };

/** A button with a menu; arrows move, Escape closes and gives the focus back. */
export function Menu({ label, entries, head, children, align = "right" }: { label: string; entries: MenuEntry[]; head?: ReactNode; children?: ReactNode; align?: "left" | "right" }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    anchor.current?.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
    const outside = (event: PointerEvent) => !anchor.current?.contains(event.target as Node) && setOpen(false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const move = (step: number) => {
    const items = [...(anchor.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
    const index = items.indexOf(document.activeElement as HTMLElement);
    items[(index + step + items.length) % items.length]?.focus();
  };
  return (
    <div
      className="menu-anchor"
      ref={anchor}
      onKeyDown={(event) => {
        if (!open) return;
        if (event.key === "Escape") {
          event.stopPropagation();
          setOpen(false);
          anchor.current?.querySelector("button")?.focus();
        } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          move(event.key === "ArrowDown" ? 1 : -1);
        } else if (event.key === "Tab") setOpen(false);
      }}
    >
      <button
        type="button"
        className={children ? "btn ghost" : "btn ghost icon"}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={label}
        title={label}
        onClick={() => setOpen(!open)}
      >
        {children ?? <Icon name="more" />}
      </button>
      {open && (
        <div className={`menu ${align}`}>
          {head && <div className="menu-head">{head}</div>}
          <div role="menu" aria-label={label}>
            {entries.map((entry) => (
              <button
                key={entry.text}
                type="button"
                role="menuitem"
                tabIndex={-1}
                className={entry.danger ? "danger" : undefined}
                aria-disabled={entry.disabled ? true : undefined}
                title={entry.disabled || undefined}
                onClick={() => {
                  if (entry.disabled) return;
                  setOpen(false);
                  entry.onSelect();
                }}
              >
                {entry.icon && <Icon name={entry.icon} />}
                {entry.text}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
