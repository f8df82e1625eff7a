// What the page of the MCP plugin is made of: elements, words for times, texts as they are, differences, what is to be copied.
const SidegateMcpParts = (() => {
  const STYLE = `
    :host { display: block; padding: 16px 24px 24px; color: #17181c; background: #fff; font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; }
    h2 { margin: 20px 0 8px; font-size: 16px; }
    h3 { margin: 16px 0 4px; font-size: 14px; overflow-wrap: anywhere; }
    p { margin: 6px 0; max-width: 76ch; }
    [role=tablist] { display: flex; flex-wrap: wrap; gap: 4px; border-bottom: 1px solid #d5d7dd; }
    [role=tab] { border: 0; border-bottom: 2px solid transparent; border-radius: 0; background: none; padding: 8px 12px; color: #5a5e69; }
    [role=tab][aria-selected=true] { border-color: #2b4acb; color: #17181c; font-weight: 600; }
    [role=tabpanel] { padding-top: 12px; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; }
    th, td { padding: 7px 20px 7px 0; text-align: left; border-bottom: 1px solid #e4e5e9; vertical-align: top; overflow-wrap: anywhere; min-width: 6ch; }
    th { color: #5a5e69; font-weight: 500; white-space: nowrap; }
    td.says { min-width: 24ch; }
    td:last-child, th:last-child { padding-right: 0; }
    .card { border: 1px solid #d5d7dd; border-radius: 8px; padding: 12px 14px; margin: 12px 0; }
    .card > :first-child { margin-top: 0; }
    .row { display: flex; flex-wrap: wrap; gap: 10px 16px; align-items: end; margin: 10px 0; }
    label { display: grid; gap: 3px; max-width: 100%; }
    label.check { grid-template-columns: auto 1fr; gap: 8px; align-items: center; }
    fieldset { border: 0; padding: 0; margin: 10px 0; display: grid; grid-template-columns: minmax(0, 1fr); gap: 10px; max-width: 640px; min-width: 0; }
    input:not([type=checkbox]), select, textarea { font: inherit; padding: 6px 8px; border: 1px solid #8b8f9a; border-radius: 6px; background: #fff; color: inherit; max-width: 100%; box-sizing: border-box; }
    textarea { font: 13px/1.45 ui-monospace, monospace; width: 100%; min-height: 84px; }
    button { font: inherit; padding: 5px 12px; border: 1px solid #8b8f9a; border-radius: 6px; background: #fff; color: inherit; cursor: pointer; }
    button.primary { background: #2b4acb; border-color: #2b4acb; color: #fff; }
    button:disabled { opacity: .5; cursor: default; }
    :focus-visible { outline: 2px solid #2b4acb; outline-offset: 1px; }
    small, .muted { color: #5a5e69; }
    td .state { white-space: nowrap; }
    .state::before { content: "●"; margin-right: 6px; color: #8b8f9a; }
    .state.good::before { color: #1a7f4b; }
    .state.bad::before { color: #b3261e; }
    .state.waits::before { color: #b26a00; }
    pre { margin: 6px 0; padding: 10px 12px; border-radius: 6px; background: #f4f5f7; font: 12.5px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 480px; overflow-y: auto; }
    pre.diff { padding: 8px 0; }
    pre.diff span { display: block; padding: 0 12px 0 26px; text-indent: -14px; }
    .less { background: #fde8e6; color: #8c1d18; }
    .same { color: #5a5e69; }
    .more { background: #e2f4e8; color: #0e5c33; }
    code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
    [role=status]:empty, [role=alert]:empty { display: none; }
    [role=alert] { color: #b3261e; }
    dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; margin: 4px 0; }
    dt { color: #5a5e69; } dd { margin: 0; overflow-wrap: anywhere; }
    .title::first-letter { text-transform: uppercase; }
    @media (max-width: 560px) {
      :host { padding: 12px 12px 20px; }
      thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
      tbody, tr { display: block; }
      tr { padding: 8px 0; border-bottom: 1px solid #e4e5e9; }
      td, td.says { display: grid; grid-template-columns: 11ch minmax(0, 1fr); gap: 0 10px; align-items: baseline; min-width: 0; padding: 2px 0; border: 0; }
      td::before { content: attr(data-head); color: #5a5e69; }
      td > * { grid-column: 2; justify-self: start; }
    }
  `;
  /** An element with attributes and children; functions are listeners, texts are texts. */
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(key, value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
    }
    element.append(...children.flat().filter((child) => child !== undefined && child !== null));
    return element;
  }

  /** A table, whose rows are one below the other where there is little room; it stays a table for who cannot see it. */
  function table(name, heads, rows) {
    for (const row of rows) {
      row.setAttribute("role", "row");
      [...row.children].forEach((cell, at) => {
        cell.dataset.head = heads[at];
        cell.setAttribute("role", "cell");
      });
    }
    const head = make("tr", { role: "row" }, heads.map((text) => make("th", { scope: "col", role: "columnheader" }, text)));
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      make("table", { role: "table", "aria-label": name }, make("thead", { role: "rowgroup" }, head), make("tbody", { role: "rowgroup" }, rows)));
  }
  const state = (kind, text) => make("span", { class: `state ${kind}` }, text);

  /** How long ago, in words. */
  function ago(since) {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - since));
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
    return `${seconds} s ago`;
  }

  /** What cannot be seen, or changes the order of what is seen, as what it is: nobody approves what they do not see. */
  const visible = (text) =>
    text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

  /** JSON without blanks, in lines; nothing of it is read, so that nothing is lost. */
  function lines(json) {
    let [text, depth, within] = ["", 0, false];
    const next = () => `\n${"  ".repeat(depth)}`;
    for (let at = 0; at < json.length; at++) {
      const one = json[at];
      if (within) {
        text += one;
        if (one === "\\") text += json[++at];
        else if (one === '"') within = false;
      } else if (one === '"') [text, within] = [text + one, true];
      else if ("{[".includes(one)) {
        if ("}]".includes(json[at + 1])) text += one + json[++at];
        else [depth, text] = [depth + 1, text + one + `\n${"  ".repeat(depth + 1)}`];
      } else if ("}]".includes(one)) {
        depth -= 1;
        text += next() + one;
      } else text += one === "," ? one + next() : one === ":" ? ": " : one;
    }
    return text.split("\n");
  }

  /** Lines of two texts with a sign each: what is in both, only before, only after. */
  function differences(before, after) {
    if (before.length * after.length > 1_000_000) return [...before.map((line) => ["-", line]), ...after.map((line) => ["+", line])];
    const common = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
    for (let b = before.length - 1; b >= 0; b--) {
      for (let a = after.length - 1; a >= 0; a--) {
        common[b][a] = before[b] === after[a] ? common[b + 1][a + 1] + 1 : Math.max(common[b + 1][a], common[b][a + 1]);
      }
    }
    const all = [];
    let [b, a] = [0, 0];
    while (b < before.length || a < after.length) {
      if (b < before.length && a < after.length && before[b] === after[a]) [all[all.length], b, a] = [[" ", before[b]], b + 1, a + 1];
      else if (b < before.length && (a === after.length || common[b + 1][a] >= common[b][a + 1])) all.push(["-", before[b++]]);
      else all.push(["+", after[a++]]);
    }
    return all;
  }

  /** The same without what is far from every difference. */
  function excerpt(all, around = 3) {
    const near = all.map((_, at) => all.slice(Math.max(0, at - around), at + around + 1).some(([sign]) => sign !== " "));
    const shown = [];
    for (let at = 0; at < all.length; ) {
      let end = at;
      while (end < all.length && !near[end]) end += 1;
      if (end - at > 1) shown.push(["⋯", `${end - at} lines are the same`]);
      else if (end > at) shown.push(all[at]);
      else shown.push(all[end++]);
      at = end;
    }
    return shown;
  }

  /** What is to be copied for a client. */
  function snippets(url, name) {
    const json = (value) => JSON.stringify(value, null, 2);
    const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, "-");
    const remote = { command: "npx", args: ["-y", "mcp-remote", url, "--header", "Authorization:${AUTHORIZATION}"], env: { AUTHORIZATION: "Bearer YOUR_TOKEN" } };
    const first = json({ jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "curl", version: "1" } } });
    return [
      ["Claude Code", `claude mcp add --transport http ${plain} ${url} --header "Authorization: Bearer $TOKEN"`],
      ["Cursor, in .cursor/mcp.json", json({ mcpServers: { [name]: { url, headers: { Authorization: "Bearer ${env:TOKEN}" } } } })],
      ["VS Code, in .vscode/mcp.json", json({ inputs: [{ type: "promptString", id: "token", description: "Token", password: true }], servers: { [name]: { type: "http", url, headers: { Authorization: "Bearer ${input:token}" } } } })],
      ["Clients that start programs only, by mcp-remote", json({ mcpServers: { [name]: remote } })],
      ["MCP Inspector", `npx @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list --header "Authorization: Bearer $TOKEN"`],
      ["curl", `curl ${url} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n  -H 'Accept: application/json, text/event-stream' \\\n  -d '${JSON.stringify(JSON.parse(first))}'`],
    ];
  }

  return { STYLE, make, table, state, ago, visible, lines, differences, excerpt, snippets };
})();
