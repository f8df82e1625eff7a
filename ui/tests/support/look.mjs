// A look at what is shown, in themes and sizes: a picture of each, what axe finds, and whether it is too wide.

import { SIZES } from "./browser.mjs";

/** Every theme in every size. */
export const ALL_VIEWS = [["wide", "light"], ["wide", "dark"], ["narrow", "light"], ["narrow", "dark"]];
/** Each theme and each size once, for what is made of parts that are looked at in all of them elsewhere. */
export const TWO_VIEWS = [["wide", "light"], ["narrow", "dark"]];

/** Whether the page has to be moved sideways. */
async function wider(visitor, where) {
  const pixels = await visitor.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return pixels > 0 ? [`${where}: the page is ${pixels} pixels wider than the window`] : [];
}

/** Looks at what is shown; gives what was found. The pictures are named `NAME-THEME-SIZE`. */
export async function look(visitor, name, views = ALL_VIEWS) {
  const found = [];
  for (const [size, theme] of views) {
    await visitor.page.setViewportSize(SIZES[size]);
    await visitor.page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await visitor.settled();
    await visitor.picture(`${name}-${theme}-${size}`);
    found.push(...(await visitor.axe()).map((text) => `${theme} ${size}: ${text}`));
    found.push(...(await wider(visitor, `${theme} ${size}`)));
  }
  await visitor.page.setViewportSize({ width: 1280, height: 800 });
  await visitor.settled();
  found.push(...(await wider(visitor, "at 1280 pixels")));
  await visitor.page.setViewportSize(SIZES.wide);
  return found;
}
