import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError, call } from "./api/client";
import { noteActions } from "./api/session";
import { applyTheme } from "./app/theme";
import { Toasts } from "./kit/toast";
import { router } from "./router";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/kit.css";
import "./styles/shell.css";
import "./styles/pages.css";

applyTheme();
noteActions(() => void call("/api/v1/whoami").catch(() => undefined));

// A session that ends is seen by whatever asks next; who one is, is then asked again and the shell says so.
const queries = new QueryCache({
  onError: (error, query) => {
    if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== "/api/v1/whoami") {
      void client.invalidateQueries({ queryKey: ["/api/v1/whoami"] });
    }
  },
});

const client: QueryClient = new QueryClient({
  queryCache: queries,
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      // A refusal stays one; what may pass (no answer, 503) is asked again after a pause that grows.
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
});

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
        <Toasts />
      </QueryClientProvider>
    </StrictMode>,
  );
}
