// An edit of a thing that others may change as well: what it was when the edit began, what is wanted, and what others did meanwhile.
import { useEffect, useMemo, useState } from "react";
import { differences, same } from "../../kit/Diff";
import { type Merge, mergeThree, withValue } from "../../kit/merge";

/** The fields of `draft` that are not as they were, as a PATCH says them. */
export function changedFields<T extends object>(base: T, draft: T): Partial<T> {
  const before = base as Record<string, unknown>;
  const entries = Object.entries(draft).filter(([name, value]) => !same(value, before[name]));
  return Object.fromEntries(entries) as Partial<T>;
}

/** The draft of a thing, begun from what is stored in version `etag`, which may become another while it is edited. */
export function useEditing<T extends object>(stored: T, etag: string | null) {
  const [base, setBase] = useState(stored);
  const [version, setVersion] = useState(etag);
  const [draft, setDraft] = useState(base);
  const [choices, setChoices] = useState<Record<string, Side>>({});
  const changes = useMemo(() => differences(base, draft), [base, draft]);
  const dirty = changes.length > 0;
  const moved = etag !== version && !same(stored, base);
  useEffect(() => {
    if (etag === version || dirty) return;
    // What is typed stays: news from the gateway begin a draft only while there is none.
    setBase(stored);
    setDraft(stored);
    setVersion(etag);
  }, [etag, dirty, stored, version]);
  const merge: Merge | null = useMemo(() => (moved && dirty ? mergeThree(base, draft, stored) : null), [moved, dirty, base, draft, stored]);
  /** Goes on from what is stored now, with this as the wanted state. */
  const rebase = (wanted: T) => {
    setBase(stored);
    setVersion(etag);
    setDraft(wanted);
    setChoices({});
  };
  return {
    base,
    draft,
    // One that was changed and changed back is not in the way of a save.
    version: same(stored, base) ? etag : version,
    changes,
    dirty,
    merge,
    choices,
    choose: (path: string, side: Side) => setChoices((before) => ({ ...before, [path]: side })),
    set: (part: Partial<T>) => setDraft((before) => ({ ...before, ...part })),
    discard: () => setDraft(base),
    /** Both edits together; where both wrote the same, what was chosen. */
    goOn: () => {
      if (!merge) return;
      let wanted = merge.merged;
      for (const conflict of merge.conflicts) {
        if (choices[conflict.path] === "theirs") wanted = withValue(wanted, conflict.path.split("."), conflict.theirs);
      }
      rebase(wanted as T);
    },
    /** Drops the edit for what others stored. */
    takeTheirs: () => rebase(stored),
    saved: (now: T, newTag: string | null) => {
      setBase(now);
      setDraft(now);
      setVersion(newTag);
    },
  };
}

export type Side = "mine" | "theirs";
export type Editing<T extends object> = ReturnType<typeof useEditing<T>>;
