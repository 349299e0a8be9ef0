// The page: how the output stands, the search, the list of videos, and the keys.
import { ask, clock, element, id, key, number, problem, tried } from "./ask.js";
import * as viewer from "./viewer.js";

const AGAIN_MS = 15000;
let output = null;
const pages = { hits: 0, list: 0 };
const turns = { hits: 0, list: 0 };

function stand(now) {
  output = now;
  id("title").textContent = now.uri.split("/").pop() || now.uri;
  document.title = `${id("title").textContent}, Fleet`;
  id("where").textContent = now.uri;
  id("state").textContent = `${now.state[0].toUpperCase()}${now.state.slice(1)}.`;
  id("state").className = `state ${now.finished ? "ok" : ""}`;
  id("tiles").replaceChildren(
    ...now.tiles.map(([count, of, bad]) => element("li", {}, element("b", bad ? { class: "bad" } : {}, count), element("span", {}, of))),
  );
  viewer.begin(now);
}

function offer() {
  const { has, labels, columns } = output;
  const needs = { labels: labels.length > 0, scores: has.scores, clock: has.clock };
  for (const part of document.querySelectorAll("[data-needs]")) {
    part.hidden = part.disabled = !needs[part.dataset.needs];
  }
  const order = id("form").elements.order;
  if (order.selectedOptions[0]?.disabled) order.value = "video";
  const list = id("form").elements.label;
  const chosen = list.value;
  list.replaceChildren(
    element("option", { value: "" }, "all"),
    ...labels.map((label) => element("option", { value: label.key }, `${label.name} (${number(label.rows)})`)),
  );
  list.value = chosen;
  if (id("columns").childElementCount === columns.length) return;
  id("columns").replaceChildren(
    ...columns.map(({ name, values }, place) => {
      const options = element("datalist", { id: `values-${place}` }, ...values.map((value) => element("option", { value })));
      const field = element("input", { name: `in.${name}`, list: `values-${place}`, maxlength: 1000, placeholder: "all" });
      return element("label", {}, `${name} `, field, options);
    }),
  );
}

function asked() {
  const query = Object.fromEntries(new FormData(id("form")));
  delete query.here;
  for (const name of ["since", "until"]) if (query[name]) query[name] += "Z";
  if (id("form").elements.here.checked && viewer.opened()) query.video = viewer.opened().key;
  return query;
}

// Of several that are asked for one after the other, the last one is shown; null for the others.
async function lastOf(what, name, query) {
  turns[what] += 1;
  const turn = turns[what];
  const isLast = () => turn === turns[what];
  try {
    const answer = await ask(name, query);
    if (!isLast()) return null;
    problem(null);
    return answer;
  } catch (error) {
    if (isLast()) problem(error);
    return null;
  }
}

async function search() {
  const answer = await lastOf("hits", "search", { ...asked(), page: pages.hits });
  if (!answer) return null;
  const has = { ...output.has, clock: answer.hits.some((hit) => hit.clock !== null) };
  id("count").textContent = `${number(answer.count)} ${answer.count === 1 ? "row" : "rows"}`;
  const names = ["video", "time", ...(has.clock ? ["clock"] : []), ...(output.labels.length ? ["label"] : []), ...(has.scores ? ["score"] : [])];
  id("hits").tHead.rows[0].replaceChildren(...names.map((name) => element("th", { scope: "col", ...(name === "score" ? { class: "n" } : {}) }, name)));
  const hueOf = new Map(output.labels.map((label) => [label.key, label.hue]));
  id("hits").tBodies[0].replaceChildren(
    ...answer.hits.map((hit) => {
      const button = element("button", { type: "button" }, hit.video);
      const row = element("tr", {}, element("th", { scope: "row" }, button), element("td", { class: "when" }, clock(hit.time_s ?? 0)));
      if (has.clock) row.append(element("td", { class: "when" }, (hit.clock ?? "").replace("T", " ")));
      if (output.labels.length) row.append(element("td", { class: "label" }, ...(hit.label === null ? [] : [key(hueOf.get(hit.label_key) ?? 215), hit.label])));
      if (has.scores) row.append(element("td", { class: "n" }, hit.score === null ? "" : hit.score.toFixed(2)));
      button.addEventListener("click", () => {
        mark(row);
        viewer.show(hit.key, hit.frame, { focus: narrow() });
      });
      return row;
    }),
  );
  turn("hits", Math.min(answer.count, output.most.found));
  return answer;
}

const narrow = () => matchMedia("(max-width: 62rem)").matches;

function mark(row) {
  for (const other of document.querySelectorAll("tr[aria-current]")) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
}

async function list() {
  const query = Object.fromEntries(new FormData(id("narrow")));
  const answer = await lastOf("list", "videos", { ...query, page: pages.list });
  if (!answer) return;
  id("listed").textContent = `${number(answer.count)} ${answer.count === 1 ? "video" : "videos"}`;
  id("list").tBodies[0].replaceChildren(
    ...answer.videos.map((video) => {
      const button = element("button", { type: "button", title: video.uri }, video.file);
      const done = element("progress", { max: 1, value: video.done, "aria-label": "done" });
      const state = { part: `${Math.floor(100 * video.done)} %`, waiting: "waiting", done: "100 %" }[video.state] ?? video.state;
      const row = element(
        "tr",
        {},
        element("th", { scope: "row" }, button),
        element("td", {}, video.length),
        element("td", video.why ? { title: video.why } : {}, done, state),
        element("td", { class: "n" }, number(video.frames)),
        element("td", { class: "n" }, number(video.rows)),
      );
      button.addEventListener("click", () => {
        mark(row);
        viewer.show(video.key, null, { focus: true });
      });
      return row;
    }),
  );
  turn("list", answer.count);
}

function turn(what, count) {
  const of = Math.max(1, Math.ceil(count / output.most.page));
  id(`${what}-page`).textContent = `page ${number(pages[what] + 1)} of ${number(of)}`;
  id(`${what}-back`).disabled = pages[what] === 0;
  id(`${what}-on`).disabled = pages[what] + 1 >= of;
}

function paging(what, load) {
  for (const [name, by] of [["back", -1], ["on", 1]]) {
    id(`${what}-${name}`).addEventListener("click", () => {
      pages[what] += by;
      load();
    });
  }
}

function afresh(what, load) {
  pages[what] = 0;
  return load();
}

async function again() {
  const now = await tried(() => ask("output"));
  if (now) {
    const grown = JSON.stringify(now.tiles) !== JSON.stringify(output.tiles);
    stand(now);
    if (grown) {
      offer();
      await list();
    }
  }
  if (!output.finished) setTimeout(again, AGAIN_MS);
}

async function fromAddress() {
  const [, video, frame] = /^#([0-9a-f]{16})\/(\d{1,9})$/.exec(location.hash) ?? [];
  if (video) await viewer.show(video, Number(frame));
  return Boolean(video);
}

id("form").addEventListener("submit", (event) => {
  event.preventDefault();
  afresh("hits", search);
});
id("form").addEventListener("reset", () => setTimeout(() => afresh("hits", search)));
id("narrow").addEventListener("submit", (event) => event.preventDefault());
id("narrow").addEventListener("input", () => afresh("list", list));
paging("hits", search);
paging("list", list);
addEventListener("hashchange", fromAddress);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), select, video")) return;
  const does = {
    ArrowLeft: () => (event.shiftKey ? viewer.hit(false) : viewer.step(-1)),
    ArrowRight: () => (event.shiftKey ? viewer.hit(true) : viewer.step(1)),
    j: () => viewer.hit(true),
    k: () => viewer.hit(false),
    b: viewer.toggle,
    c: viewer.cut,
    "/": () => id("form").elements.label.focus(),
  }[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

const first = await tried(() => ask("output"));
if (first) {
  stand(first);
  offer();
  const [answer] = await Promise.all([search(), list()]);
  if (!(await fromAddress()) && answer?.hits.length) await viewer.show(answer.hits[0].key, answer.hits[0].frame);
  if (!output.finished) setTimeout(again, AGAIN_MS);
}
document.documentElement.dataset.ready = "1";
