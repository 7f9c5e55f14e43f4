// Reloads the page when the link reaches its next stage, counts down the time, and copies the code. The page also works
// without this script.
"use strict";

const POLL_EVERY_MS = 2000;
// Timeout of a poll: a request may hang when a phone changes its network.
const GIVE_UP_AFTER_MS = 20000;

function follow(live) {
  const { stage, page, status } = live.dataset;
  let asking = false;

  async function ask() {
    if (asking) return;
    asking = true;
    try {
      // Older browsers lack `AbortSignal.timeout`. Their polls have no timeout.
      const signal = AbortSignal.timeout?.(GIVE_UP_AFTER_MS);
      const response = await fetch(status, { cache: "no-store", credentials: "same-origin", signal });
      const isGone = response.status === 404;
      if (isGone || (response.ok && (await response.json()).stage !== stage)) {
        clearInterval(timer);
        location.replace(page);
      }
    } catch {
      // The browser may be offline for a moment. The next poll follows soon.
    } finally {
      asking = false;
    }
  }

  const timer = setInterval(ask, POLL_EVERY_MS);
  // Browsers slow down the timers of hidden tabs, so poll at once when the person comes back from the provider.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") ask();
  });
}

// Formats a duration as the server does, with the server's words for 0, 1 and 2 of each unit.
function span(seconds, words) {
  const units = [[86400, words.days], [3600, words.hours], [60, words.minutes], [1, words.seconds]];
  const [size, forms] = units.find(([size]) => seconds >= size) ?? units[3];
  const number = Math.floor(seconds / size);
  return forms.split("|")[Math.min(number, 2)].replace(/\d+/, number);
}

function countDown(element) {
  const time = element.querySelector(".time");
  const end = Date.now() + Number(element.dataset.left) * 1000;
  setInterval(() => {
    const said = span(Math.max(0, Math.round((end - Date.now()) / 1000)), element.dataset);
    if (time.textContent !== said) time.textContent = said;
  }, 1000);
}

// Browsers offer the clipboard only on https and localhost. Elsewhere this copies the selection.
async function copy(element) {
  getSelection().selectAllChildren(element);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.textContent.trim());
  } else if (!document.execCommand("copy")) {
    throw new Error("nothing copies here");
  }
}

function offerCopy(button) {
  const element = document.getElementById(button.dataset.copy);
  const { copied, selected } = button.dataset;
  const words = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await copy(element);
      button.textContent = copied;
    } catch {
      button.textContent = selected;
    }
    setTimeout(() => { button.textContent = words; }, 3000);
  });
}

// Starting the provider's flow may take seconds. Shows that the page is busy, and prevents a second press.
function showBusy(form) {
  form.addEventListener("submit", (event) => {
    if (!["confirm", "disown"].includes(event.submitter?.value)) return;
    const button = event.submitter;
    const words = button.textContent;
    // Disable the button only after the browser has read the form, because a disabled button's value is not sent.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = form.dataset.busy;
    });
    addEventListener("pageshow", () => {
      button.disabled = false;
      button.textContent = words;
    }, { once: true });
  });
}

document.querySelectorAll("[data-live]").forEach(follow);
document.querySelectorAll("[data-left]").forEach(countDown);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
document.querySelectorAll("[data-busy]").forEach(showBusy);
