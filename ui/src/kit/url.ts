// State that lives in the address, so that a page can be shared and gone back to.
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useCallback } from "react";

export function useSearch(): Record<string, string> {
  return useRouterState({ select: (state) => state.location.search as Record<string, string> });
}

/** One parameter of the address, and its setter; an empty text removes it. */
export function useUrlState(name: string, fallback = ""): [string, (value: string) => void] {
  const search = useSearch();
  const navigate = useNavigate();
  const set = useCallback(
    (value: string) => {
      void navigate({
        to: ".",
        replace: true,
        resetScroll: false,
        search: ((before: Record<string, string>) => {
          const next = { ...before };
          if (value === "" || value === fallback) delete next[name];
          else next[name] = value;
          return next;
        }) as never,
      });
    },
    [navigate, name, fallback],
  );
  return [search[name] ?? fallback, set];
}
