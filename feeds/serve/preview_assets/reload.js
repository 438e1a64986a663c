// Loads the page again when something was saved, where it was scrolled to, and shows problems.
"use strict";

const bar = document.createElement("section");
bar.className = "preview-problems";
bar.setAttribute("aria-label", "Problems");

const show = (problems) => {
  bar.replaceChildren(
    ...problems.map((text) => Object.assign(document.createElement("p"), { textContent: text })),
  );
  bar.remove();
  if (problems.length) {
    document.body.append(bar);
  }
};

const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const follow = async () => {
  let seen = null;
  for (;;) {
    try {
      const answer = await fetch(`/.preview.json?seen=${seen ?? -1}`);
      const { version, problems } = await answer.json();
      if (seen !== null && version !== seen) {
        location.reload();
        return;
      }
      seen = version;
      show(problems);
    } catch {
      await rest(1000); // the preview has ended, and may begin again
    }
  }
};

follow();
