// What is shown in the place of a page that is not there or broke.
import { LinkButton, useTitle } from "../kit/basics";
import { ErrorBox } from "../kit/ErrorBox";

export function NotFound() {
  useTitle("No such page");
  return (
    <div className="empty">
      <h1>No such page</h1>
      <p>The address leads nowhere in this console. What it named may have been removed.</p>
      <div className="row wrap"><LinkButton kind="primary" href="/">Go to the overview</LinkButton><LinkButton href="/plugins">All plugins</LinkButton></div>
    </div>
  );
}

export function PageError({ error, reset }: { error: unknown; reset?: () => void }) {
  const stale = error instanceof Error && /dynamically imported module|Failed to fetch/.test(error.message);
  return (
    <div className="main">
      <h1>This page broke</h1>
      <ErrorBox
        error={error}
        title={stale ? "The gateway was updated meanwhile; load the page again." : "A fault of the console, not of the gateway."}
        retry={() => (stale ? location.reload() : reset?.())}
      />
    </div>
  );
}
