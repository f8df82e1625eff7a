// Somebody else was faster: what they did, and a choice wherever both changed the same.
import { Button, Note } from "../../kit/basics";
import { Diff, showValue } from "../../kit/Diff";
import type { Merge } from "../../kit/merge";
import type { Side } from "./editing";

type Props = { what: string; edit: { merge: Merge | null; choices: Record<string, Side>; choose: (path: string, side: Side) => void; goOn: () => void; takeTheirs: () => void }; then?: () => void };

export function MergeBox({ what, edit, then }: Props) {
  const { merge, choices, choose } = edit;
  if (!merge) return null;
  return (
    <Note tone="warn" title={`Somebody changed this ${what} while you edited it. Nothing of yours is lost.`}>
      <div className="stack tight" style={{ marginTop: 6 }}>
        {merge.theirs.length > 0 && (
          <>
            <p>They changed, and it will be kept:</p>
            <Diff changes={merge.theirs} />
          </>
        )}
        {merge.conflicts.map((conflict) => (
          <fieldset key={conflict.path} className="field">
            <legend style={{ marginBottom: 4 }}><code>{conflict.path}</code> was changed by both</legend>
            {(["mine", "theirs"] as const).map((side) => (
              <label key={side} className="check">
                <input type="radio" name={`merge ${conflict.path}`} checked={(choices[conflict.path] ?? "mine") === side} onChange={() => choose(conflict.path, side)} />
                <span className="wrap-anywhere">{side === "mine" ? "Yours" : "Theirs"}: <code>{showValue(conflict[side])}</code></span>
              </label>
            ))}
            <p className="small muted">It was <code>{showValue(conflict.base)}</code>.</p>
          </fieldset>
        ))}
        <div className="row wrap">
          <Button kind="primary" onClick={() => { edit.goOn(); then?.(); }}>Go on with both</Button>
          <Button onClick={() => { edit.takeTheirs(); then?.(); }}>Drop mine, show theirs</Button>
        </div>
      </div>
    </Note>
  );
}
