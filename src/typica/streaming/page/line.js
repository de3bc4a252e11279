const SOONEST_MS = 500;
const LATEST_MS = 10000;
const HEAD = 8; // bytes before the samples: the number of the first

/** The socket to the stream: opened again when it breaks, until it is closed. */
export class Line {
  /** `heard` has the methods samples(at, codes), words(message), and broken(). */
  constructor(heard) {
    this.heard = heard;
    this.pause = SOONEST_MS;
    this.open();
  }

  open() {
    const url = new URL("ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = () => this.lose();
  }

  receive(data) {
    this.pause = SOONEST_MS;
    if (typeof data === "string") {
      this.heard.words(JSON.parse(data));
      return;
    }
    const at = Number(new DataView(data).getBigUint64(0, true));
    this.heard.samples(at, new Int16Array(data, HEAD));
  }

  lose() {
    this.heard.broken();
    this.timer = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(2 * this.pause, LATEST_MS);
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    clearTimeout(this.timer);
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
  }
}
