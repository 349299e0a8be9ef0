"use strict";
(() => {
  const all = (what, of = document) => [...of.querySelectorAll(what)];
  const form = document.getElementById("filters");
  const told = document.getElementById("told");
  const cards = all(".cards figure");
  const strips = all(".strips li");
  const lightbox = document.getElementById("large");

  function wanted() {
    const labels = new Set(all("input[name=label]:checked", form).map((box) => box.value));
    const paths = all("select", form).filter((list) => list.value !== "");
    const range = form.elements.score;
    return { labels, paths, score: range ? Number(range.value) : 0 };
  }

  function fits(item, paths) {
    return paths.every((list) => item.dataset[list.name] === list.options[list.selectedIndex].textContent);
  }

  function apply() {
    const { labels, paths, score } = wanted();
    if (form.elements.score) form.elements.least.value = score.toFixed(2);
    for (const box of all("g[data-label]")) {
      const sure = box.dataset.score === "" || Number(box.dataset.score) >= score;
      box.classList.toggle("off", !labels.has(box.dataset.label) || !sure);
      box.toggleAttribute("hidden", box.classList.contains("off") && !box.classList.contains("focus"));
    }
    let shown = 0;
    for (const card of cards) {
      const mine = card.dataset.labels.split(" ");
      const boxes = all("g[data-label]", card);
      // A picture of something stays while one of its boxes is shown, one of nothing while that is wanted.
      const there = boxes.length ? boxes.some((box) => !box.hasAttribute("hidden")) : true;
      card.hidden = !(mine.some((label) => labels.has(label)) && there && fits(card, paths));
      shown += !card.hidden;
    }
    for (const lane of all(".strips [data-label]")) {
      lane.toggleAttribute("hidden", !labels.has(lane.dataset.label));
    }
    let videos = 0;
    for (const strip of strips) {
      strip.hidden = !fits(strip, paths);
      videos += !strip.hidden;
    }
    told.textContent = `${shown} of ${cards.length} pictures, ${videos} of ${strips.length} videos`;
  }

  function visible() {
    return cards.filter((card) => !card.hidden && card.querySelector(".pic"));
  }

  let open = null;
  function enlarge(card) {
    open = card;
    const into = lightbox.querySelector("figure");
    into.replaceChildren(...[...card.children].map((part) => part.cloneNode(true)));
    const large = into.querySelector(".pic");
    large.removeAttribute("aria-haspopup");
    large.setAttribute("aria-label", "Close");
    large.addEventListener("click", () => lightbox.close());
    if (!lightbox.open) lightbox.showModal();
  }

  function step(by) {
    const several = visible();
    if (!several.length) return;
    const at = open && lightbox.open ? open : document.activeElement.closest(".cards figure");
    const place = several.indexOf(at);
    const next = several[place < 0 ? (by > 0 ? 0 : several.length - 1) : (place + by + several.length) % several.length];
    if (lightbox.open) enlarge(next);
    else {
      next.querySelector(".pic").focus();
      next.scrollIntoView({ block: "nearest" });
    }
  }

  function text(cell) {
    const exact = cell.querySelector("data");
    return (exact ? exact.value : cell.textContent).replace(/\s+/g, " ").trim();
  }

  async function copy(button) {
    const rows = all("tr", document.getElementById(button.dataset.of));
    const lines = rows.map((row) => all("th,td:not(.bar)", row).map(text).join("\t"));
    const area = document.createElement("textarea");
    area.value = lines.join("\n");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    button.textContent = done ? "Copied" : "Copying is not allowed here";
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  for (const card of cards) {
    const picture = card.querySelector(".pic");
    if (picture) picture.addEventListener("click", () => enlarge(card));
  }
  for (const button of all("button.copy")) button.addEventListener("click", () => copy(button));
  for (const button of all("[data-step]", lightbox)) {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  }
  document.getElementById("close").addEventListener("click", () => lightbox.close());
  lightbox.addEventListener("close", () => open && open.querySelector(".pic").focus());

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("select, input[type=range]");
    if (event.key === "/" ) {
      event.preventDefault();
      if (lightbox.open) lightbox.close();
      form.querySelector("input,select").focus();
    } else if (event.key === "j" || (lightbox.open && event.key === "ArrowRight")) step(1);
    else if (event.key === "k" || (lightbox.open && event.key === "ArrowLeft")) step(-1);
    else if (event.key === "r" && !typing && !lightbox.open) form.reset();
  });
  apply();
})();
