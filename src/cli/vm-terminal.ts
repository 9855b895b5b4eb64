/** The user's terminal as that of a machine. */

/** Ends the machine, as it ends telnet: Ctrl-]. */
const ESCAPE = 0x1d;

export interface TerminalLink {
  readonly size: { readonly rows: number; readonly columns: number };
  /** To be called when the machine takes input. */
  connect(send: (bytes: Uint8Array) => void, resize: (rows: number, columns: number) => void): void;
  /** Gives the terminal back. */
  restore(): void;
}

/** Takes the terminal: from now on every key, also Ctrl-C, is the machine's. */
export function onTerminal(): TerminalLink {
  const { stdin, stdout } = process;
  const size = () => ({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 });
  let changed = () => {};
  return {
    size: size(),
    connect(send, resize) {
      stdin.setRawMode(true);
      stdin.on('data', (bytes: Buffer) => {
        if (bytes.includes(ESCAPE)) process.kill(process.pid, 'SIGINT');
        else send(bytes);
      });
      changed = () => resize(size().rows, size().columns);
      stdout.on('resize', changed);
    },
    restore() {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.removeAllListeners('data');
      stdin.pause();
      stdout.off('resize', changed);
    },
  };
}
