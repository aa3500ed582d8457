// What every page is looked at for, in the browser. Each function returns a list of faults in words.
(() => {
  const named = (element) => {
    const text = (element.innerText ?? "").trim().replace(/\s+/g, " ").slice(0, 40);
    const id = element.id ? `#${element.id}` : "";
    const classes = typeof element.className === "string" && element.className ? `.${element.className.trim().replace(/\s+/g, ".")}` : "";
    return `<${element.localName}${id}${classes}> ${text}`.trim();
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  };
  const hasScroller = (element) => {
    for (let node = element; node && node !== document.body; node = node.parentElement) {
      if (getComputedStyle(node).overflowX !== "visible" || getComputedStyle(node).position === "fixed") return true;
    }
    return false;
  };

  const structure = () => {
    const faults = [];
    const ids = all("[id]").map((each) => each.id);
    for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`the id ${id} is there twice`);
    if (!document.documentElement.lang) faults.push("no lang");
    if (!document.title.trim() || document.title.startsWith("·")) faults.push("no title");
    if (all("main").length !== 1) faults.push(`${all("main").length} main elements`);
    const levels = all("h1, h2, h3, h4, h5, h6").filter((each) => !each.closest("template")).map((each) => [Number(each.localName[1]), each]);
    if (levels.filter(([level]) => level === 1).length !== 1) faults.push(`${levels.filter(([level]) => level === 1).length} h1`);
    levels.reduce((before, [level, each]) => {
      if (level > before + 1) faults.push(`after h${before} comes h${level}: ${named(each)}`);
      return level;
    }, 0);
    for (const label of all("label[for]")) if (!document.getElementById(label.htmlFor)) faults.push(`a label for nothing: ${named(label)}`);
    for (const element of all("[aria-describedby], [aria-labelledby], [aria-controls]")) {
      for (const name of ["aria-describedby", "aria-labelledby", "aria-controls"]) {
        for (const id of (element.getAttribute(name) ?? "").split(/\s+/).filter(Boolean)) {
          if (!document.getElementById(id)) faults.push(`${name} of ${named(element)} names nothing: ${id}`);
        }
      }
    }
    for (const element of all("*")) {
      for (const { name } of element.attributes) if (name.startsWith("on")) faults.push(`${name} on ${named(element)}`);
    }
    for (const link of all("a[href], [action], [formaction]")) {
      const href = link.getAttribute("href") ?? link.getAttribute("formaction") ?? link.getAttribute("action");
      if (/^\s*(javascript|data|vbscript):/i.test(href)) faults.push(`an address that runs: ${href}`);
    }
    for (const script of all("script:not([src])")) if (script.type !== "application/json") faults.push("a script inside the page");
    for (const table of all("table")) if (!table.querySelector("th")) faults.push(`a table without headers: ${named(table)}`);
    for (const time of all("time[data-local]")) faults.push(`a time in UTC: ${named(time)}`);
    for (const element of all("main *")) {
      if (!element.children.length && /^(None|null)$|\bundefined\b|\bNaN\b|\[object Object\]|Invalid Date/.test(element.textContent.trim()) && !element.closest("pre, code, textarea"))
        faults.push(`a value that is none: ${named(element)}`);
    }
    return faults;
  };

  const width = () => {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit) return [];
    const wide = all("body *").filter((each) => each.getBoundingClientRect().right > limit + 1 && isShown(each) && !hasScroller(each));
    return [`the page is ${document.documentElement.scrollWidth} px wide on ${limit}`, ...wide.slice(0, 6).map((each) => `too wide: ${named(each)}`)];
  };

  const clipped = () => all("body *").filter((each) => {
    if (!isShown(each) || each.closest(".hidden, .skip, svg, canvas")) return false;
    const style = getComputedStyle(each);
    const ownText = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!ownText || each.clientWidth === 0 || each.scrollWidth <= each.clientWidth + 1) return false;
    return style.overflowX === "visible" || (["hidden", "clip"].includes(style.overflowX) && !each.closest("[title]"));
  }).map((each) => `its text does not fit, and no title has the rest: ${named(each)}`);

  const motion = () => {
    const faults = document.getAnimations().filter((each) => each.playState === "running").map((each) => `an animation runs: ${each.animationName ?? each.transitionProperty ?? each.id}`);
    for (const element of all("*")) {
      const style = getComputedStyle(element);
      if (style.transitionDuration.split(", ").some((each) => parseFloat(each) > 0.001) || (style.animationName !== "none" && style.animationPlayState === "running" && parseFloat(style.animationDuration) > 0.001)) faults.push(`moves: ${named(element)}`);
    }
    return faults;
  };

  // a number of a table is explained where it stands, or at the head of its column or row
  const numbers = () => {
    const faults = new Set();
    for (const table of all("table")) {
      const heads = [];
      for (const row of table.tHead?.rows ?? []) {
        let at = 0;
        for (const cell of row.cells) {
          for (let i = 0; i < cell.colSpan; i++) (heads[at + i] ??= []).push(cell);
          at += cell.colSpan;
        }
      }
      const explains = (element) => element?.matches("[title], [data-hint]") || element?.querySelector("[title], [data-hint], svg title");
      for (const body of table.tBodies) {
        for (const row of body.rows) {
          let at = 0;
          for (const cell of row.cells) {
            const over = heads[at] ?? [];
            at += cell.colSpan;
            if (!cell.classList.contains("num") || !/\d/.test(cell.innerText) || cell.querySelector("time")) continue;
            if (!explains(cell) && !over.some(explains) && !row.matches("[title]") && ![...row.cells].some((each) => each.localName === "th" && explains(each)))
              faults.add(`a number that nothing explains: column “${over.map((each) => each.innerText).join(" ")}” of ${named(table).slice(0, 60)}`);
          }
        }
      }
    }
    return [...faults];
  };

  const STOPS = "a[href], area[href], button, input, select, textarea, summary, iframe, [tabindex], [contenteditable=''], [contenteditable=true]";
  const stops = () => all(STOPS).filter((each) => each.tabIndex >= 0 && !each.matches(":disabled") && isShown(each) && !each.closest("[inert]"));
  const group = (element) => (element.type === "radio" && element.name ? `radio ${element.name}` : element);

  // where the keyboard comes: call before pressing Tab
  const follow = () => {
    const state = { reached: new Set(), faults: new Set(), wanted: stops() };
    document.activeElement?.blur();
    scrollTo(0, 0);
    getSelection().removeAllRanges();
    document.addEventListener("focusin", (event) => {
      const element = event.target;
      state.reached.add(group(element));
      const style = getComputedStyle(element);
      const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
      if (!outlined && style.boxShadow === "none") state.faults.add(`focus cannot be seen: ${named(element)}`);
      setTimeout(() => {
        if (document.activeElement !== element) return;
        const box = element.getBoundingClientRect();
        if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) state.faults.add(`focus is out of sight: ${named(element)}`);
      }, 0);
    }, true);
    window.__keyboard = state;
    return state.wanted.length;
  };
  const followed = () => {
    const { reached, faults, wanted } = window.__keyboard;
    const missed = wanted.filter((each) => each.isConnected && isShown(each) && !reached.has(group(each)));
    const handlers = all("[hx-get], [hx-post], [hx-put], [hx-delete], [role=button], [role=link]").filter((each) => {
      const trigger = each.getAttribute("hx-trigger") ?? "click";
      return /click/.test(trigger) && !each.matches(`${STOPS}, form`) && isShown(each);
    });
    return [
      ...faults,
      ...missed.map((each) => `Tab does not come to ${named(each)}`),
      ...handlers.map((each) => `only for the mouse: ${named(each)}`),
      ...all("[tabindex]").filter((each) => each.tabIndex > 0).map((each) => `an order of its own: ${named(each)}`),
    ];
  };

  window.__look = { structure, width, clipped, motion, numbers, follow, followed };
})();
