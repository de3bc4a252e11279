const MOST = 1000; // more than come with the sound that the worklet keeps

/** Words that wait until their sound is heard; nothing is heard while a context is suspended. */
export class Words {
  constructor() {
    this.waiting = [];
    this.forgotten = 0;
  }

  /** Take the words of a block; the oldest are given up where too many wait. */
  add(message) {
    this.waiting.push(message);
    if (this.waiting.length <= MOST) return;
    this.waiting.shift();
    this.forgotten += 1;
  }

  /** Return those whose sound begins at sample `position` or before. */
  until(position) {
    const later = this.waiting.findIndex(({ at }) => at > position);
    return this.waiting.splice(0, later < 0 ? this.waiting.length : later);
  }

  clear() {
    this.waiting = [];
  }
}
