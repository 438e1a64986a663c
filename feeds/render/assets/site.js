// Three helps on top of pages that work without them: copying an address, narrowing the list, and
// keeping the sign of a broken picture away.
"use strict";

const say = (text) => {
  document.getElementById("said").textContent = text;
};

// Copies a text. The old way is for pages that are not served by HTTPS.
const copy = async (element) => {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
};

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.firstChild;
  const before = label.data;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copy));
    const name = button.dataset.name;
    say(done ? `${name} address copied` : `${name} address selected: copy it with the keyboard`);
    label.data = done ? "Copied" : "Selected";
    setTimeout(() => {
      label.data = before;
    }, 2500);
  });
}

// A picture that does not come leaves its place as it is, unless it has words to show there.
const hide = (image) => {
  image.hidden = !image.alt;
};

for (const image of document.images) {
  image.addEventListener("error", () => hide(image));
  if (image.complete && !image.naturalWidth) {
    hide(image);
  }
}

// What names are compared by: without case and accents.
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

const box = document.getElementById("narrow");
if (box) {
  const groups = [...document.querySelectorAll(".group")].map((element) => ({
    element,
    feeds: [...element.querySelectorAll(".feeds > li")].map((feed) => ({
      element: feed,
      name: fold(feed.querySelector("h3").textContent),
    })),
  }));
  const narrow = () => {
    const words = fold(box.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { element, feeds } of groups) {
      let here = 0;
      for (const feed of feeds) {
        const fits = words.every((word) => feed.name.includes(word));
        feed.element.hidden = !fits;
        here += fits;
      }
      element.hidden = !here;
      found += here;
    }
    document.querySelector(".none").hidden = found > 0;
    say(words.length ? `${found} ${found === 1 ? "feed" : "feeds"}` : "");
  };
  box.parentElement.hidden = false;
  box.addEventListener("input", narrow);
  narrow(); // a browser that comes back to the page has kept what was typed
}
