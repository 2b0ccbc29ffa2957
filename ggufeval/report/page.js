"use strict";
// The page works without this: tables and sentences are there. It draws the charts and lists the
// questions. Foreign text is only ever set as textContent.
(async () => {
  const byId = (id) => document.getElementById(id);

  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (c) => c.charCodeAt(0));
    const unzipped = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(unzipped).text();
  };

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const drawCharts = async () => {
    if (!byId("charts-data")) return;
    const library = element("script");
    library.textContent = await unpack("library");
    document.head.append(library);
    const specs = JSON.parse(await unpack("charts-data"));
    for (const [name, spec] of Object.entries(specs)) {
      const place = byId("chart-" + name);
      await window.vegaEmbed(place, { ...spec, width: "container", background: "white" }, {
        ast: true, // expressions are interpreted: the page needs no eval
        renderer: "svg",
        actions: { export: true, source: false, compiled: false, editor: false },
        downloadFileName: name,
        scaleFactor: 2,
        tooltip: { theme: "custom" },
        config: {
          font: "system-ui, sans-serif",
          axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", labelFlush: false },
          legend: { labelFontSize: 12 },
          view: { stroke: null },
        },
      });
      place.querySelector("summary")?.setAttribute("aria-label", "Save this chart");
      place.querySelector("svg.marks")?.setAttribute("aria-label", place.dataset.says);
    }
  };

  const browse = (data) => {
    const [search, subject, kind, margin, order] = ["search", "subject", "kind", "margin", "order"]
      .map((name) => byId("q-" + name));
    const level = byId("q-level") ?? new Option();
    const count = byId("q-count"), list = byId("q-list"), more = byId("q-more");
    const LETTERS = "ABCDEFGHIJ", PAGE = 25;
    const [reference, ...levels] = data.models;
    const texts = data.stems.map((stem, i) =>
      [stem, ...data.choices[i], data.ids[i]].join("\n").toLowerCase());

    for (const [i, name] of data.subjects.entries()) subject.append(new Option(name, i));
    if (levels.length > 1) level.append(new Option("any", ""));
    for (const [i, model] of levels.entries()) level.append(new Option(model.name, i));
    byId("browser").querySelector("form").addEventListener("submit", (event) => event.preventDefault());

    const isRight = (model, i) => model.answers[i] === LETTERS[data.gold[i]];
    const tests = {
      all: () => true,
      flipped: (model, i) => isRight(model, i) !== isRight(reference, i),
      lost: (model, i) => isRight(reference, i) && !isRight(model, i),
      won: (model, i) => !isRight(reference, i) && isRight(model, i),
      changed: (model, i) => model.answers[i] !== reference.answers[i],
    };
    const marginOf = (models, i) =>
      Math.min(...models.map((model) => model.margins?.[i] ?? Infinity)) / 100;

    const hasMargins = data.models.some((model) => model.margins);
    margin.closest("label").hidden = order.closest("label").hidden = !hasMargins;

    let found = [], shown = 0;

    const update = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = level.value === "" ? levels : [levels[level.value]];
      const looked = chosen.length ? chosen : [reference];
      const test = tests[kind.value];
      const below = margin.value === "" ? Infinity : Number(margin.value);
      found = [];
      for (let i = 0; i < data.ids.length; i++) {
        if (subject.value !== "" && data.subject[i] !== Number(subject.value)) continue;
        if (!words.every((word) => texts[i].includes(word))) continue;
        if (below < Infinity && !(marginOf(looked, i) < below)) continue;
        if (kind.value !== "all" &&
          !looked.some((model) => model.answers[i] !== " " && test(model, i))) continue;
        found.push(i);
      }
      if (order.value !== "asked") {
        const sign = order.value === "closest" ? 1 : -1;
        const margins = new Map(found.map((i) => [i, marginOf(looked, i)]));
        found.sort((a, b) => sign * (margins.get(a) - margins.get(b)) || a - b);
      }
      const all = data.ids.length.toLocaleString("en");
      count.textContent = `${found.length.toLocaleString("en")} of ${all} questions`;
      list.replaceChildren();
      shown = 0;
      show();
    };

    const show = () => {
      const next = found.slice(shown, shown + PAGE);
      list.append(...next.map(card));
      shown += next.length;
      more.hidden = shown >= found.length;
    };

    const card = (i) => {
      const made = element("article", "question");
      const head = element("p", "where");
      head.append(element("span", "", data.subjects[data.subject[i]]), element("code", "", data.ids[i]));
      made.append(head, element("p", "stem", data.stems[i]));
      const choices = element("ol");
      for (const [k, text] of data.choices[i].entries()) {
        const gold = k === data.gold[i];
        const item = element("li", gold ? "gold" : "");
        item.append(element("b", "", LETTERS[k]), element("span", "", text));
        if (gold) item.append(element("i", "", "right"));
        choices.append(item);
      }
      made.append(choices);
      const answers = element("div", "answers");
      for (const model of data.models) answers.append(answer(model, i));
      made.append(answers);
      if (data.prompts?.of[i]) made.append(prompt(i));
      return made;
    };

    const answer = (model, i) => {
      const letter = model.answers[i];
      const made = element("div", "answer");
      made.append(element("span", "name", model.name));
      if (letter === " ") {
        made.append(element("span", "letter", "not asked"));
        return made;
      }
      const right = isRight(model, i);
      const mark = letter === "-" ? "unread ✗" : `${letter} ${right ? "✓" : "✗"}`;
      made.append(element("span", "letter " + (right ? "right" : "wrong"), mark));
      const shares = model.shares?.[i];
      if (shares) {
        const bars = element("span", "bars");
        for (const [k, share] of shares.entries()) {
          const bar = element("span", k === data.gold[i] ? "bar gold" : "bar");
          bar.title = `${LETTERS[k]}: ${share}%`;
          const fill = element("span");
          fill.style.height = `${share}%`;
          bar.append(fill);
          bars.append(bar);
        }
        bars.setAttribute("role", "img");
        bars.setAttribute("aria-label", shares.map((s, k) => `${LETTERS[k]} ${s}%`).join(", "));
        made.append(bars);
        const chosen = shares[LETTERS.indexOf(letter)];
        if (chosen !== undefined) made.append(element("span", "share", `${chosen}%`));
      }
      const text = model.texts?.[i];
      if (text) made.append(element("pre", "", text));
      return made;
    };

    const prompt = (i) => {
      const made = element("details", "prompt");
      made.append(element("summary", "", "The prompt"));
      made.addEventListener("toggle", () => {
        const [shared, rest] = data.prompts.of[i];
        if (!made.open || made.children.length > 1) return;
        const own = rest.replace(/\0(.)/g, (_, name) =>
          name === "s" ? data.stems[i] : data.choices[i][Number(name)]);
        made.append(element("pre", "", data.prompts.shared[shared] + own));
      });
      return made;
    };

    for (const control of [subject, level, kind, order]) control.addEventListener("change", update);
    for (const control of [search, margin]) control.addEventListener("input", update);
    more.addEventListener("click", show);
    update();
    byId("browser").hidden = false;
  };

  document.body.classList.add("scripted");
  if (byId("questions-data")) browse(JSON.parse(await unpack("questions-data")));
  await drawCharts();
  document.body.dataset.ready = "yes";
})();
