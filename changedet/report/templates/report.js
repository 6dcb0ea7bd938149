(() => {
  "use strict";
  const slider = document.getElementById("slider");
  const after = document.getElementById("after-image");
  const picker = document.getElementById("after-date");
  const store = document.getElementById("frames");
  if (slider && picker && store) {
    const frames = JSON.parse(store.textContent);
    const earlier = document.getElementById("earlier");
    const later = document.getElementById("later");
    const said = document.getElementById("after-said");
    const tell = () => {
      const share = Math.round(slider.value);
      slider.setAttribute("aria-valuenow", String(share));
      slider.setAttribute("aria-valuetext", share + " % before, " + (100 - share) + " % after");
    };
    const show = () => {
      const frame = frames[Number(picker.value)];
      after.src = frame.uri;
      after.alt = "The site after: " + frame.label + ".";
      earlier.disabled = picker.selectedIndex === 0;
      later.disabled = picker.selectedIndex === picker.options.length - 1;
    };
    const step = (by) => {
      picker.selectedIndex = Math.min(picker.options.length - 1, Math.max(0, picker.selectedIndex + by));
      show();
      said.textContent = "Now showing " + frames[Number(picker.value)].label;
    };
    picker.addEventListener("change", show);
    earlier.addEventListener("click", () => step(-1));
    later.addEventListener("click", () => step(1));
    slider.addEventListener("slide", tell);
    slider.addEventListener("keydown", (event) => {
      const to = { Home: 0, End: 100, PageDown: slider.value - 10, PageUp: slider.value + 10 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      slider.value = Math.min(100, Math.max(0, to));
      tell();
    });
    const outlines = document.getElementById("show-outlines");
    if (outlines) {
      outlines.addEventListener("change", () => {
        slider.parentElement.classList.toggle("no-outlines", !outlines.checked);
      });
    }
    show();
  }
  const unfold = () => {
    if (!slider || document.querySelector(".paper")) return;
    const paper = document.createElement("div");
    paper.className = "paper";
    for (const image of slider.querySelectorAll("img")) {
      const half = document.createElement("div");
      half.append(image.cloneNode());
      half.firstChild.removeAttribute("id");
      paper.append(half);
    }
    paper.lastChild.append(document.querySelector(".over").cloneNode(true));
    const figure = slider.closest("figure");
    figure.classList.add("with-paper");
    figure.insertBefore(paper, slider.parentElement);
  };
  // on paper nothing slides and nothing unfolds: both dates stand side by side, and all that is folded is open
  addEventListener("beforeprint", () => {
    unfold();
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      part.dataset.closed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const paper of document.querySelectorAll(".paper")) {
      paper.parentElement.classList.remove("with-paper");
      paper.remove();
    }
    for (const part of document.querySelectorAll("details[data-closed]")) {
      part.open = false;
      delete part.dataset.closed;
    }
  });
})();
