/** A line on the terminal that says how far we are; nothing when nobody watches. */
export function progress(title, total) {
  const shown = process.stderr.isTTY;
  const start = Date.now();
  let done = 0;
  let last = 0;
  return {
    step(note = '') {
      done++;
      if (!shown || (Date.now() - last < 100 && done < total)) return;
      last = Date.now();
      const left = Math.round(((last - start) / done) * (total - done) * 1e-3);
      process.stderr.write(`\r\u001b[K${title} ${done}/${total}  ${left} s left  ${note}`);
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[K');
    },
  };
}
