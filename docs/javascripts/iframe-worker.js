// The search of the manual runs in a worker, and a browser starts none from a page that it reads from
// the disk. There an iframe does the same; the theme's plugin `offline` looks for a script of this name.
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage_ = inside.postMessage.bind(inside);
      window.addEventListener("message", (event) => {
        if (event.source !== inside) return;
        const copy = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(copy);
        this.onmessage?.(copy);
      });
      this.loaded = new Promise((resolve) => {
        this.frame.addEventListener("load", resolve, { once: true });
      });
      inside.document.open();
      inside.document.write(
        `<script>postMessage = (data) => parent.postMessage(data, "*");</` +
          `script><script src="${url}"></` + `script>`,
      );
      inside.document.close();
    }
    postMessage(data) {
      this.loaded.then(() => this.frame.contentWindow.postMessage_(data, "*"));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
