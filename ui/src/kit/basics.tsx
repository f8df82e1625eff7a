// Small parts that every page is made of.
import { type ButtonHTMLAttributes, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useRouterState } from "@tanstack/react-router";
import { A } from "./A";
import { Icon, type IconName } from "./Icon";

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: "plain" | "primary" | "danger" | "danger-primary" | "ghost";
  small?: boolean;
  icon?: IconName;
  /** For buttons that show an icon only: what they do. */
  label?: string;
  busy?: boolean;
};

export function Button({ kind = "plain", small, icon, label, busy, children, className, disabled, ...rest }: ButtonProps) {
  const kinds = { plain: "", primary: "primary", danger: "danger", "danger-primary": "danger primary", ghost: "ghost" };
  const classes = ["btn", kinds[kind], small ? "s" : "", children ? "" : "icon", className ?? ""].filter(Boolean).join(" ");
  return (
    <button type="button" className={classes} aria-label={label} title={label} disabled={disabled || busy} aria-busy={busy} {...rest}>
      {icon && <Icon name={icon} size={small ? 14 : 16} />}
      {children}
    </button>
  );
}

export function LinkButton({ href, kind = "plain", icon, children, small }: { href: string; kind?: "plain" | "primary" | "ghost"; icon?: IconName; children: ReactNode; small?: boolean }) {
  return (
    <A href={href} className={["btn", kind === "plain" ? "" : kind, small ? "s" : ""].filter(Boolean).join(" ")}>
      {icon && <Icon name={icon} />}
      {children}
    </A>
  );
}

export function PageHead({ title, lead, badge, children }: { title: ReactNode; lead?: ReactNode; badge?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        <div className="title">
          <h1>{title}</h1>
          {badge}
        </div>
        {lead && <p className="lead">{lead}</p>}
      </div>
      {children && <div className="actions">{children}</div>}
    </header>
  );
}

export function Card({ title, actions, children, flush, id }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean; id?: string }) {
  const heading = useId();
  return (
    <section className="card" id={id} aria-labelledby={title ? heading : undefined}>
      {title && (
        <header>
          <h2 id={heading}>{title}</h2>
          {actions && <div className="row wrap">{actions}</div>}
        </header>
      )}
      <div className={flush ? "body flush" : "body"}>{children}</div>
    </section>
  );
}

export function Facts({ facts }: { facts: [ReactNode, ReactNode][] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value], index) => (
        <div key={index} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export type Tone = "good" | "warn" | "bad" | "info" | "plain";
const NOTE_ICONS: Record<Tone, IconName> = { good: "check", warn: "warn", bad: "error", info: "info", plain: "info" };

export function Note({ tone = "info", title, children, action }: { tone?: Tone; title?: ReactNode; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={`note ${tone}`} role={tone === "bad" ? "alert" : undefined}>
      <Icon name={NOTE_ICONS[tone]} />
      <div className="grow wrap-anywhere">
        {title && <p><strong>{title}</strong></p>}
        {children && <div>{children}</div>}
      </div>
      {action}
    </div>
  );
}

export function Empty({ icon, title, children, action }: { icon?: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      {icon && <Icon name={icon} size={28} />}
      <h2>{title}</h2>
      {children && <div className="stack tight muted">{children}</div>}
      {action && <div className="row wrap">{action}</div>}
    </div>
  );
}

/** Grey lines in the place of what is being asked; invisible for the first 300 ms. */
export function Skeleton({ lines = 3, height = 16 }: { lines?: number; height?: number }) {
  return (
    <div className="stack tight" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="skeleton" style={{ height, width: `${95 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge ${tone}`}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

export function Segmented<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: [T, ReactNode][]; onChange: (value: T) => void }) {
  return (
    <div className="seg" role="group" aria-label={label}>
      {options.map(([key, text]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function Tabs({ label, tabs }: { label: string; tabs: { href: string; text: string; count?: number; tone?: "warn" | "bad" }[] }) {
  const bar = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => {
    const show = () => {
      const current = bar.current?.querySelector<HTMLElement>('[aria-current="page"]');
      if (bar.current && current) bar.current.scrollLeft = Math.max(0, current.offsetLeft - bar.current.offsetLeft - 24);
    };
    show();
    // A window that becomes narrower would hide where one is.
    const watch = new ResizeObserver(show);
    if (bar.current) watch.observe(bar.current);
    return () => watch.disconnect();
  }, [path]);
  return (
    <nav className="tabs" aria-label={label} ref={bar}>
      {tabs.map((tab) => (
        <A key={tab.href} href={tab.href}>
          {tab.text}
          {tab.count !== undefined && tab.count > 0 && <span className={`count ${tab.tone ?? ""}`}>{tab.count}</span>}
        </A>
      ))}
    </nav>
  );
}

/** Sets the title of the page in the browser. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Sidegate`;
  }, [title]);
}

export function useDebounced<T>(value: T, ms: number): T {
  const [kept, keep] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => keep(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return kept;
}
