// Two comforts; every page works without them: copy buttons, and looking again for the result.
(function () {
  "use strict";
  var body = document.body;

  // Says a short thing to screen readers without moving the focus.
  var voice = document.createElement("div");
  voice.className = "govuk-visually-hidden";
  voice.setAttribute("role", "status");
  body.appendChild(voice);

  if (navigator.clipboard) {
    document.querySelectorAll(".pc-copy").forEach(function (value) {
      var name = value.closest(".pc-facts__row").querySelector("dt").textContent;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "pc-copy__button";
      button.textContent = body.dataset.copyLabel;
      button.setAttribute("aria-label", body.dataset.copyLabel + ": " + name);
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(value.dataset.copy).then(function () {
          button.textContent = body.dataset.copiedLabel;
          voice.textContent = body.dataset.copiedLabel + ": " + name;
          setTimeout(function () {
            button.textContent = body.dataset.copyLabel;
            voice.textContent = "";
          }, 3000);
        });
      });
      value.parentNode.appendChild(button);
    });
  }

  // Asks for this page again and shows it only when something happened, so that nobody loses
  // their place. Slower by and by, and not while nobody looks.
  var wait = Number(body.dataset.lookAgain) * 1000;
  if (!wait || !window.fetch) return;
  function look() {
    if (document.hidden) return setTimeout(look, wait);
    fetch(location.href, { cache: "no-store" })
      .then(function (answer) { return answer.ok ? answer.text() : ""; })
      .then(function (text) {
        if (!text) return;
        var seen = new DOMParser().parseFromString(text, "text/html").body.dataset.state;
        if (seen !== body.dataset.state) location.reload();
      })
      .catch(function () {})
      .then(function () {
        wait = Math.min(wait * 1.1, 30000);
        setTimeout(look, wait);
      });
  }
  setTimeout(look, wait);
})();
