// Links within the console: a plain address with its query, which the router takes over.
import { Link, useNavigate } from "@tanstack/react-router";
import type { AnchorHTMLAttributes } from "react";

export function splitHref(href: string): { to: string; search: Record<string, string>; hash?: string } {
  const [beforeHash = "", hash] = href.split("#");
  const [to = "/", query] = beforeHash.split("?");
  return { to, search: Object.fromEntries(new URLSearchParams(query ?? "")), hash };
}

type Props = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> & { href: string; exact?: boolean };

export function A({ href, exact = true, ...rest }: Props) {
  const target = splitHref(href);
  // `Link` says aria-current="page" by itself where it leads to what is shown.
  return (
    <Link
      {...(rest as object)}
      to={target.to}
      search={target.search as never}
      hash={target.hash}
      activeOptions={{ exact, includeSearch: false }}
    />
  );
}

/** Goes to an address of the console. */
export function useGo(): (href: string, options?: { replace?: boolean }) => void {
  const navigate = useNavigate();
  return (href, options) => {
    const target = splitHref(href);
    void navigate({ to: target.to, search: target.search as never, hash: target.hash, replace: options?.replace });
  };
}
