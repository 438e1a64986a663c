// Helps on top of pages that work without them: copying an address, narrowing the list, closing
// what is open, and keeping the sign of a broken picture away.
"use strict";

// Says something to a screen reader; the words of the page's language stand with the element.
const said = document.getElementById("said");
const say = (text) => {
  said.textContent = text;
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
    const { copied, copiedWhich, selected, selectedWhich } = said.dataset;
    say((done ? copiedWhich : selectedWhich).replace("{}", name));
    label.data = done ? copied : selected;
    setTimeout(() => {
      label.data = before;
    }, 2500);
  });
}

// Escape, or a click elsewhere, closes the menu of readers.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details.follow[open]")) {
    if (menu !== except) {
      menu.open = false;
      if (!except) {
        menu.firstElementChild.focus();
      }
    }
  }
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    closeMenus();
  }
});
document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.follow") ?? document.body);
});

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

const wordsOf = (text) => fold(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

const box = document.getElementById("narrow");
if (box) {
  const groups = [...document.querySelectorAll(".group")].map((element) => ({
    element,
    count: element.querySelector(".count"),
    feeds: [...element.querySelectorAll(".feeds > li")].map((feed) => ({
      element: feed,
      words: wordsOf(feed.querySelector("h3").textContent),
    })),
  }));
  const totals = new Map(groups.map(({ count }) => [count, count?.textContent]));
  const narrow = () => {
    const wanted = wordsOf(box.value);
    let found = 0;
    for (const { element, count, feeds } of groups) {
      let here = 0;
      for (const feed of feeds) {
        const fits = wanted.every((start) => feed.words.some((word) => word.startsWith(start)));
        feed.element.hidden = !fits;
        here += fits;
      }
      element.hidden = !here;
      if (count) {
        count.textContent = wanted.length ? here : totals.get(count);
      }
      found += here;
    }
    document.querySelector(".none").hidden = found > 0;
    say(wanted.length ? box.dataset.found.replace("{}", found) : "");
  };
  const fromAddress = () => {
    const text = new URLSearchParams(location.hash.slice(1)).get("q");
    if (text !== null) {
      box.value = text;
    }
    narrow();
  };
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    narrow();
    const hash = box.value && `#${new URLSearchParams({ q: box.value })}`;
    history.replaceState(null, "", location.pathname + location.search + hash);
  });
  addEventListener("hashchange", fromAddress);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
    }
  });
  fromAddress(); // a browser that comes back to the page has kept what was typed
}
