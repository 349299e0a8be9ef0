// Asking the server, and showing what it says as text: no name becomes an element.
export const id = (name) => document.getElementById(name);

export const number = (value) => value.toLocaleString("en-US");

export function path(name, query = {}) {
  const pairs = Object.entries(query).flatMap(([key, value]) => [value].flat().map((one) => [key, one]));
  const text = new URLSearchParams(pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();
  return text ? `${name}?${text}` : name;
}

export async function ask(name, query) {
  let answer;
  try {
    answer = await fetch(path(name, query));
  } catch {
    throw new Error("The server does not answer: it may have ended.");
  }
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

export function problem(error) {
  const place = id("problem");
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}

// Do something that may fail, and show why it did.
export async function tried(task) {
  try {
    const value = await task();
    problem(null);
    return value;
  } catch (error) {
    problem(error);
    return undefined;
  }
}

export function element(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

export function drawing(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

export function key(hue) {
  const square = drawing("svg", { class: "key", viewBox: "0 0 10 10", "aria-hidden": "true" });
  square.append(drawing("rect", { width: 10, height: 10, rx: 2, fill: colour(hue) }));
  return square;
}

export const colour = (hue) => `hsl(${hue} 75% 48%)`;

export function clock(seconds) {
  const [whole, rest] = seconds.toFixed(3).split(".");
  const pad = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours ? `${hours}:${pad(minutes)}` : minutes}:${pad(whole % 60)}.${rest}`;
}
