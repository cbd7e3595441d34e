/** What the browser says about itself and its device, and what speaks against measuring now. */

const LEAST_CHARGE = 20; // percent; phones save power below it

/** The environment of a bench document; what a browser does not tell is null or empty. */
export async function environment(site) {
  const hints = ["model", "platformVersion", "architecture", "bitness"];
  const told = (await navigator.userAgentData?.getHighEntropyValues(hints).catch(() => null)) ?? {};
  const { os, version } = system(navigator.userAgent, told);
  const browser = browserOf(navigator.userAgent);
  return {
    device: told.model || device(navigator.userAgent) || `${os} device`,
    os,
    os_version: version,
    cpu: [told.architecture, told.bitness && `${told.bitness} bit`].filter(Boolean).join(", "),
    cores: navigator.hardwareConcurrency || 1,
    memory_bytes: null, // a browser rounds it, and tells no more than 8 GB
    app_version: site.slide_mobile,
    created: new Date().toISOString(),
    runtimes: { "LiteRT.js": site.litert_js, [browser.name]: browser.version },
  };
}

/** The system of a user agent: its name as the apps write it, and its version if it is told. */
export function system(agent, told = {}) {
  const android = /Android ([\d.]+)/.exec(agent);
  if (android) return { os: "Android", version: told.platformVersion || android[1] };
  if (isDesktopModeOfAnIPad(agent)) return { os: "iPadOS", version: "" };
  const ios = /(?:iPhone|iPad).* OS ([\d_]+)/.exec(agent);
  if (ios) return { os: "iOS", version: ios[1].replaceAll("_", ".") };
  const [, os] = /(Windows|Mac OS X|CrOS|Linux)/.exec(agent) ?? [null, "unknown system"];
  const named = { "Mac OS X": "macOS", CrOS: "ChromeOS" }[os] ?? os;
  return { os: named, version: told.platformVersion || "" };
}

/** The browser of a user agent: names of others stand in it for old pages. */
export function browserOf(agent) {
  const kinds = [
    ["Edge", /Edg[A-Z]?[a-z]*\/([\d.]+)/],
    ["Samsung Internet", /SamsungBrowser\/([\d.]+)/],
    ["Firefox", /(?:Firefox|FxiOS)\/([\d.]+)/],
    ["Chrome", /(?:HeadlessChrome|Chrome|CriOS)\/([\d.]+)/],
    ["Safari", /Version\/([\d.]+).*Safari/],
  ];
  for (const [name, pattern] of kinds) {
    const found = pattern.exec(agent);
    if (found) return { name, version: found[1] };
  }
  return { name: "browser", version: agent };
}

function device(agent) {
  return isDesktopModeOfAnIPad(agent) ? "iPad" : /iPhone|iPad/.exec(agent)?.[0];
}

/** Safari on an iPad may call itself that of a Macintosh, which has no touch screen. */
function isDesktopModeOfAnIPad(agent) {
  return agent.includes("Macintosh") && navigator.maxTouchPoints > 1;
}

/** Watches what makes latencies worthless: a page that is not seen, and a battery that is low. */
export class Conditions {
  /** Starts watching. */
  begin() {
    this.hidden = document.hidden;
    this.watch = () => (this.hidden ||= document.hidden);
    document.addEventListener("visibilitychange", this.watch);
  }

  /** Stops watching, and returns the reasons found. */
  async end() {
    document.removeEventListener("visibilitychange", this.watch);
    const reasons = this.hidden ? ["the page was hidden while it measured"] : [];
    const battery = await navigator.getBattery?.().catch(() => null);
    return [...reasons, ...(battery ? whyWeak(battery) : [])];
  }
}

/** The reason why a battery is too low to measure; none if it is charging. */
export function whyWeak({ level, charging }) {
  const percent = Math.round(100 * level);
  if (charging || percent >= LEAST_CHARGE) return [];
  return [`a charge of ${percent} % is under ${LEAST_CHARGE} %`];
}
