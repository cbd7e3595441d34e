/** The page: its options, its buttons, and what it shows of a measurement. */

import { readSite } from "./artifact.js";
import { watch } from "./camera.js";
import { Conditions } from "./device.js";
import { PageError } from "./errors.js";
import { measure } from "./measure.js";
import { toDocument } from "./results.js";
import { mostThreads, waysToRun } from "./runtime.js";
import { chart, element, tableRow } from "./view.js";

const at = (id) => document.getElementById(id);
const say = (text) => (at("status").textContent = text);
const PATIENCE_MS = 3000; // for the service worker, without which the page works, too

async function main() {
  if (!isSecureContext)
    throw new PageError("Open this page by https, or from localhost: a browser hides its GPU, its threads and its digests from others.");
  const site = await readSite();
  await offline(site);
  for (const { folder } of site.artifacts) at("choices").append(choice(folder));
  await offerThreads();
  at("options").addEventListener("submit", (event) => {
    event.preventDefault();
    during((stop) => run(site, stop));
  });
  at("camera").addEventListener("click", () => during((stop) => look(site, stop)));
  busy(false);
  say("Ready");
}

function choice(folder) {
  const box = element("input", { type: "checkbox", name: "model", value: folder });
  box.checked = true;
  return element("label", {}, box, folder);
}

async function offerThreads() {
  const most = await mostThreads();
  for (let count = 1; count <= most; count *= 2)
    at("threads").append(element("option", { value: count }, String(count)));
  at("about-threads").textContent =
    most > 1
      ? "One thread compares best with other devices."
      : "This browser gives the page one thread: it has one core, or the server does not send the headers for more.";
}

/** Does what can be stopped, with the screen on. */
async function during(task) {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  at("stop").addEventListener("click", stop);
  busy(true);
  say("Starting");
  at("remarks").replaceChildren();
  const awake = await navigator.wakeLock?.request("screen").catch(() => null);
  try {
    await task(stopping.signal);
  } catch (error) {
    explain(error);
  } finally {
    at("stop").removeEventListener("click", stop);
    await awake?.release();
    busy(false);
  }
}

/** Changes what can be pressed; the focus stays with what can be. */
function busy(yes) {
  const starting = [at("start"), at("camera")];
  const focused = document.activeElement;
  at("stop").disabled = !yes;
  starting.forEach((button) => (button.disabled = yes));
  if (yes && starting.includes(focused)) at("stop").focus();
  if (!yes && focused === at("stop")) at("start").focus();
  at("results").setAttribute("aria-busy", yes);
}

function chosen(site) {
  const names = new Set(new FormData(at("options")).getAll("model"));
  const listed = site.artifacts.filter(({ folder }) => names.has(folder));
  if (listed.length === 0) throw new PageError("Choose a model.");
  return listed;
}

const remark = (line) => at("remarks").append(`${line}\n`);

/** Measures what is chosen, and offers the document. */
async function run(site, stop) {
  const listed = chosen(site);
  const shown = new Map();
  at("rows").replaceChildren();
  at("chart").replaceChildren();
  at("sharing").hidden = true;
  at("results").hidden = false;
  const rows = await measure(listed, await waysToRun(Number(at("threads").value)), {
    minSeconds: Number(at("seconds").value),
    show: (row) => show(row, shown),
    say,
    conditions: new Conditions(),
    stop,
    remark,
  });
  offer(await toDocument(rows, site), site);
  say(summed(rows));
}

/** Has the first model that is chosen name what the camera sees. */
async function look(site, stop) {
  const [way] = await waysToRun(Number(at("threads").value));
  const show = (classes, ms) => {
    at("classes").replaceChildren(...classes.map(named));
    at("pace").textContent = `${ms.toFixed(1)} ms for this image`;
  };
  at("seen").hidden = false;
  try {
    await watch(chosen(site)[0], way, { video: at("video"), say, show, remark, stop });
    say("The camera is off");
  } finally {
    at("seen").hidden = true;
  }
}

const named = ({ label, probability }) =>
  element("li", {}, `${label} `, element("b", {}, `${(100 * probability).toFixed(0)}\u00a0%`));

function show(row, shown) {
  const fresh = tableRow(row);
  if (shown.has(row)) shown.get(row).replaceWith(fresh);
  else at("rows").append(fresh);
  shown.set(row, fresh);
  if (row.state === "done" || row.state === "failed")
    at("chart").replaceChildren(...[chart([...shown.keys()])].filter(Boolean));
}

function summed(rows) {
  const wrong = rows.filter((row) => row.state === "failed" || !row.parity?.passed).length;
  const verdict = wrong === 0 ? "all outputs are PyTorch’s" : `${wrong} of ${rows.length} rows are wrong or did not run`;
  return `Done: ${verdict}`;
}

/** Shows the document, and what can be done with it. */
function offer(document, site) {
  const text = `${JSON.stringify(document, null, 1)}\n`;
  const name = `slide-mobile-${document.environment.created.slice(0, 19).replaceAll(":", "")}.json`;
  const file = new File([text], name, { type: "application/json" });
  at("json").textContent = text;
  at("copy").onclick = () => navigator.clipboard.writeText(text).then(() => say("Copied"), explain);
  at("download").onclick = () => download(file);
  at("share").hidden = !navigator.canShare?.({ files: [file] });
  at("share").onclick = () => navigator.share({ files: [file], title: name }).catch(explain);
  at("send").hidden = !site.takesResults;
  at("send").onclick = () => send(text).catch(explain);
  at("sharing").hidden = false;
}

/** Gives the measurement to the server of this site. */
async function send(body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("results", { method: "POST", headers, body }).catch(() => null);
  if (!answer?.ok)
    throw new PageError(`The server did not take it: ${answer?.statusText ?? "no connection"}.`);
  say(`Sent back as ${(await answer.json()).file}`);
}

function download(file) {
  const address = URL.createObjectURL(file);
  element("a", { href: address, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(address));
  say(`Downloaded ${file.name}`);
}

/**
 * Has a service worker keep what is fetched from here on, so that the page works offline. A page
 * that the worker of an earlier site has served is loaded again.
 */
async function offline(site) {
  const workers = navigator.serviceWorker;
  const before = workers?.controller?.scriptURL;
  if (!workers || before?.endsWith(site.digest)) return;
  const taken = new Promise((resolve) => workers.addEventListener("controllerchange", resolve));
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const registered = workers.register(`service-worker.js?site=${site.digest}`);
  await registered.then(() => Promise.race([taken, patience])).catch(() => {}); // a private window
  if (before && workers.controller?.scriptURL !== before) location.reload();
}

/** An error for a person; one of ours is a sentence, and another is a fault of the page. */
function explain(error) {
  if (error.name === "AbortError") return; // the share sheet was closed
  say(error instanceof PageError ? error.message : `The page failed: ${error.message}`);
}

main().catch(explain);
