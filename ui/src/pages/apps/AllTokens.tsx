// The tokens of all apps together: which end soon, which nobody uses.
import { useMemo } from "react";
import { useList } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { Card, Empty, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { AppsTabs } from "./AppsTabs";
import { TokenTable } from "./Tokens";

export default function AllTokens() {
  useTitle("Tokens");
  const tokens = useList("/api/v1/tokens", { refetchInterval: usePollInterval(15_000) });
  const apps = useList("/api/v1/apps").data;
  const names = useMemo(() => new Map((apps ?? []).map((app) => [app.id, app.attributes.name])), [apps]);
  return (
    <>
      <PageHead title="Tokens" lead="Of all apps. A token is stored as its hash only; what it was is shown once, when it is made.">
        <CopyAs commands={{ cli: "sidegate token list", curl: adminCurl("GET", "/api/v1/tokens") }} />
      </PageHead>
      <AppsTabs />
      <Card flush>
        <TokenTable
          tokens={tokens.data}
          names={names}
          error={tokens.error}
          retry={() => void tokens.refetch()}
          empty={
            <Empty icon="lock" title="No token yet" action={<LinkButton href="/apps">Go to the apps</LinkButton>}>
              <p>Tokens are made on the page of the app that they speak for.</p>
            </Empty>
          }
        />
      </Card>
    </>
  );
}
