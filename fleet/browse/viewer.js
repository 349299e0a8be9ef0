// The open video: its frames, boxes, timeline and clips.
import { ask, clock, colour, drawing, element, id, key, number, path, tried } from "./ask.js";

const NONE_HUE = 215;
const open = { video: null, frame: 0, shown: null, told: null, lanes: [], off: new Set(), turn: 0 };
let hues = new Map();
let most = { clip_s: 60, clip_frames: 1800 };
let loading = false;

export function begin(output) {
  hues = new Map(output.labels.map((label) => [label.key, label.hue]));
  most = output.most;
  id("flooring").hidden = id("floor").disabled = !output.has.scores;
  for (const option of [...id("seconds").options]) option.hidden = Number(option.value) > most.clip_s;
}

export const opened = () => open.video;

// Of videos that are opened quickly one after the other, the last one stays.
export async function show(video, frame, { focus = false } = {}) {
  open.turn += 1;
  const turn = open.turn;
  const isLast = () => turn === open.turn;
  await tried(async () => {
    if (open.video?.key === video) {
      open.frame = clamp(frame ?? open.frame);
      return;
    }
    const answer = await ask(`video/${video}`);
    const first = frame ?? (await ask(`video/${video}/next/0`)).frame ?? 0;
    if (!isLast()) return;
    Object.assign(open, { video: answer, shown: null, told: null, off: new Set() });
    enter(answer);
    open.frame = clamp(first);
    await lay();
  });
  if (open.video && isLast()) await pump();
  if (focus && isLast()) {
    id("viewer").scrollIntoView({ block: "start" });
    id("viewer").focus({ preventScroll: true });
  }
}

function enter(video) {
  id("none").hidden = true;
  id("open").hidden = false;
  id("seen").textContent = video.file;
  id("seen").title = video.uri;
  id("scrub").max = video.frames_in_all - 1;
  // Nothing of the video before stays under the name of this one.
  id("picture").removeAttribute("src");
  id("picture").alt = "";
  id("stage").style.aspectRatio = `${video.width} / ${video.height}`;
  id("told").textContent = "";
  id("boxes").replaceChildren();
  id("boxes").setAttribute("viewBox", `0 0 ${video.width} ${video.height}`);
  const facts = [["location", video.uri], ...video.facts];
  id("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  shut();
}

const clamp = (frame) => Math.min(Math.max(0, frame), open.video.frames_in_all - 1);
const least = () => Number(id("floor").value);

// What a hit is by the filters of the open video; null where all labels are off.
function hitQuery() {
  const query = { least: least() || "" };
  const on = open.lanes.filter((lane) => !open.off.has(lane.key));
  if (!on.length && open.lanes.length) return null;
  if (open.off.size) {
    // The server knows no label that has no name, and not the lane of the others.
    if (on.some((lane) => !lane.known)) query.without = [...open.off].filter((lane) => hues.has(lane));
    else query.label = on.map((lane) => lane.key);
  }
  return query;
}

// Labels that are off, of which rows are hits all the same: they cannot be asked for by name.
function among() {
  if (!open.lanes.some((lane) => !lane.known && !open.off.has(lane.key))) return "";
  const off = open.lanes.filter((lane) => !lane.known && open.off.has(lane.key));
  return off.length ? `Rows of ${off.map((lane) => lane.label || "(none)").join(", ")} are among the hits.` : "";
}

async function lay() {
  const video = open.video.key;
  const drawn = await ask(`video/${video}/timeline`, { least: least() || "" });
  if (video !== open.video.key) return;
  open.lanes = drawn.rows.map((row) => ({ ...row, known: hues.has(row.key) }));
  const line = id("timeline");
  line.setAttribute("viewBox", `0 0 ${drawn.bins} ${drawn.high}`);
  line.style.height = `${Math.max(drawn.high * 1.6, 18)}px`;
  const names = drawn.lanes.map((lane) => lane.label).join(", ") || "nothing found";
  line.setAttribute("aria-label", `When what was there: ${names}`);
  line.replaceChildren(
    ...drawn.lanes.map((lane) => {
      const group = drawing("g", { fill: colour(hues.get(lane.key) ?? NONE_HUE), "data-key": lane.key });
      group.append(drawing("title", {}, lane.label), drawing("path", { opacity: 0.5, d: lane.few }), drawing("path", { d: lane.many }));
      return group;
    }),
    drawing("path", { fill: "var(--looked)", d: drawn.looked }),
  );
  choose();
  place();
}

function choose() {
  const place = id("lanes");
  place.hidden = !open.lanes.some((lane) => lane.label);
  const boxes = open.lanes.map((lane) => {
    const box = element("input", { type: "checkbox", value: lane.key });
    box.checked = !open.off.has(lane.key);
    box.addEventListener("input", () => {
      open.off[box.checked ? "delete" : "add"](lane.key);
      id("among").textContent = among();
      draw();
    });
    return element("label", {}, box, key(hues.get(lane.key) ?? NONE_HUE), `${lane.label || "(none)"} ${number(lane.rows)}`);
  });
  place.replaceChildren(element("legend", {}, "Labels"), ...boxes);
  id("among").textContent = among();
}

// One frame is loaded at a time; of those that are asked for meanwhile, the last.
async function pump() {
  id("scrub").value = open.frame;
  if (loading) return;
  loading = true;
  try {
    while (open.video && !(open.shown === open.frame)) {
      const [video, frame] = [open.video.key, open.frame];
      id("stage").classList.add("late");
      await tried(() => load(video, frame));
      if (open.frame === frame && open.video.key === video) open.shown = frame;
    }
  } finally {
    id("stage").classList.remove("late");
    loading = false;
  }
}

async function load(video, frame) {
  const image = new Image();
  const address = `video/${video}/frame/${frame}`;
  image.src = address;
  const [told] = await Promise.all([ask(`video/${video}/at/${frame}`), image.decode().catch(() => why(address))]);
  if (video !== open.video.key) return;
  open.told = told;
  id("picture").src = address;
  id("picture").alt = `${open.video.file}, frame ${frame}`;
  id("png").href = `${address}.png`;
  id("png").download = `${open.video.file}-${frame}.png`;
  history.replaceState(null, "", `#${video}/${frame}`);
  draw();
  place();
}

async function why(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).error);
  throw new Error("The picture cannot be shown.");
}

function isOn(box) {
  const known = open.lanes.some((lane) => lane.key === box.key);
  const others = open.lanes.find((lane) => !lane.known && lane.label);
  const name = known || !others ? box.key : others.key;
  return !open.off.has(name) && (box.score === null || box.score >= least());
}

function draw() {
  const { told, video } = open;
  if (!told) return;
  const [wide, high] = [video.width, video.height];
  const held = told.processed !== told.frame;
  const boxes = told.boxes.filter(isOn);
  const cut = (value, limit) => Math.min(Math.max(value, 0), limit);
  const drawn = boxes.toReversed().map((box, place) => {
    const [x1, x2] = [box.xyxy[0], box.xyxy[2]].map((edge) => cut(edge, wide)).sort((a, b) => a - b);
    const [y1, y2] = [box.xyxy[1], box.xyxy[3]].map((edge) => cut(edge, high)).sort((a, b) => a - b);
    const where = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
    const group = drawing("g", { class: held ? "held" : "" });
    const line = { stroke: `hsl(${hues.get(box.key) ?? NONE_HUE} 95% 60%)`, ...(held ? { "stroke-dasharray": "4 4" } : {}) };
    group.append(drawing("rect", { class: "under", ...where }), drawing("rect", { class: "line", ...where, ...line }));
    if (!held && place >= boxes.length - 40) {
      const size = high / 44;
      const at = { x: x1 + high / 300, y: Math.max(y1 - high / 120, size * 1.3), "font-size": size, "stroke-width": high / 220 };
      group.append(drawing("text", at, box.label + (box.score === null ? "" : ` ${box.score.toFixed(2)}`)));
    }
    return group;
  });
  id("boxes").replaceChildren(...drawn);
  id("boxes").toggleAttribute("hidden", !id("drawn").checked);
  say(told, boxes, held);
}

function say(told, boxes, held) {
  const counts = new Map();
  for (const box of boxes) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
  const named = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([label, count]) => `${label} ${count}`);
  const facts = told.facts.map(([name, value]) => `${name} ${value}`);
  let found = named.join(", ") || facts.join(", ") || "nothing found";
  if (told.processed === null) found = "not looked at";
  else if (held) found = `not looked at; of frame ${number(told.processed)}: ${found}`;
  const moment = told.clock ? `, ${told.clock}` : "";
  id("told").textContent = `${clock(told.time_s)}${moment}, frame ${number(told.frame)}: ${found}`;
}

function place() {
  const [line, around] = [id("timeline").getBoundingClientRect(), id("scrubbing").getBoundingClientRect()];
  const share = open.told ? Math.min(1, open.told.time_s / open.video.length_s) : 0;
  id("head").style.left = `${line.left - around.left + share * line.width - 2}px`;
  id("head").style.height = `${line.height + 6}px`;
}

export function step(by) {
  if (!open.video) return;
  open.frame = clamp(open.frame + by);
  pump();
}

export async function hit(forward) {
  if (!open.video) return;
  const query = hitQuery();
  const way = forward ? "next" : "before";
  const found = query && (await tried(() => ask(`video/${open.video.key}/${way}/${open.frame}`, query)));
  if (found && found.frame !== null) {
    open.frame = clamp(found.frame);
    await pump();
  } else if (found !== undefined) {
    id("told").textContent = `There is no ${forward ? "later" : "earlier"} hit in this video.`;
  }
}

export function toggle() {
  id("drawn").checked = !id("drawn").checked;
  draw();
}

export async function cut() {
  if (!open.video) return;
  const rate = open.video.frames_in_all / open.video.length_s;
  const half = Math.min((Number(id("seconds").value) / 2) * rate, most.clip_frames / 2 - 1);
  const [first, last] = [clamp(Math.ceil(open.frame - half)), clamp(Math.floor(open.frame + half - 1))];
  const query = { first, last: Math.max(first, last), boxes: id("drawn").checked ? 1 : 0, least: least() || "" };
  const address = path(`video/${open.video.key}/clip.mp4`, query);
  const film = id("clip");
  id("played").hidden = false;
  id("cutting").textContent = "It is being made…";
  id("cut").disabled = true;
  film.src = address;
  id("save").href = address;
  id("save").download = `${open.video.file}-${first}-${query.last}.mp4`;
  try {
    await film.play();
    id("cutting").textContent = `Frames ${number(first)} to ${number(query.last)}.`;
  } catch (error) {
    id("cutting").textContent = "";
    if (error.name !== "AbortError") await tried(() => why(address));
  } finally {
    id("cut").disabled = false;
  }
}

function shut() {
  const film = id("clip");
  film.pause();
  film.removeAttribute("src");
  film.load();
  id("played").hidden = true;
  id("cutting").textContent = "";
}

async function seek(event) {
  const line = id("timeline").getBoundingClientRect();
  const share = Math.min(1, Math.max(0, (event.clientX - line.left) / line.width));
  const found = await tried(() => ask(`video/${open.video.key}/moment/${Math.floor(share * open.video.length_s * 1000)}`));
  if (!found) return;
  open.frame = clamp(found.frame);
  await pump();
}

id("scrub").addEventListener("input", () => {
  open.frame = clamp(Number(id("scrub").value));
  pump();
});
id("timeline").addEventListener("pointerdown", (event) => {
  id("timeline").setPointerCapture(event.pointerId);
  seek(event);
});
id("timeline").addEventListener("pointermove", (event) => event.buttons && seek(event));
id("back").addEventListener("click", () => step(-1));
id("on").addEventListener("click", () => step(1));
id("before").addEventListener("click", () => hit(false));
id("next").addEventListener("click", () => hit(true));
id("drawn").addEventListener("input", draw);
id("floor").addEventListener("input", () => {
  id("floored").value = least().toFixed(2);
  draw();
});
id("floor").addEventListener("change", () => tried(lay));
id("cut").addEventListener("click", cut);
id("shut").addEventListener("click", shut);
addEventListener("resize", () => open.video && place());
