// What every test of a flow begins with: a browser for the file, a gateway and a visitor for each test, and their end.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startBrowser, Visitor } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";

/** No test of a flow may take longer. */
const LONGEST_MS = 120_000;

/** Gives `flow(name, options, body)`: `body` gets a fresh gateway and a browser; at its end nothing may be complained of. `skip` says why not. */
export function flows() {
  let browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());
  return function flow(name, { settings, control, expected = [], skip = false }, body) {
    test(name, { timeout: LONGEST_MS, skip }, async () => {
      const gateway = control ? await Gateway.startControlPlane(settings) : await Gateway.start(settings);
      const visitors = [];
      const come = async (options) => {
        const visitor = await Visitor.come(browser, gateway, options);
        visitors.push(visitor);
        return visitor;
      };
      try {
        await body({ gateway, api: gateway.api, come });
        assert.deepEqual(visitors.flatMap((visitor) => visitor.leftOver(expected)), []);
      } catch (error) {
        // What was on the screen says more than a selector.
        for (const [index, visitor] of visitors.entries()) {
          await visitor.picture(`failed-${name.replaceAll(/\W+/g, "-").slice(0, 60)}-${index}`).catch(() => undefined);
        }
        throw error;
      } finally {
        for (const visitor of visitors) await visitor.leave().catch(() => undefined);
        await gateway.stop();
      }
    });
  };
}
