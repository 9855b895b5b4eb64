/** What a terminal adds: colours and the like. */
// oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** What loaders, the journal and people put before each line. */
const PREFIXES: readonly RegExp[] = [
  // syslog and journalctl: 'Jan  2 10:11:12 host systemd[1]: '
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[\w.-]+ )?[\w.@/-]+(?:\[\d+\])?: /,
  // ISO time, as journalctl -o short-iso and log libraries have it
  /^\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?:? /,
  // host and program, once the time is gone
  /^[\w.-]+ [\w.@/-]+\[\d+\]: /,
  // dmesg: '[  123.456789] '
  /^\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? /,
  // a quotation in a mail or an issue
  /^(?:> ?|\| )+/,
  /^libbpf: (?=\d+: |; |processed \d|R\d+ |func#\d|from \d+ to )/,
  /^(?:\[?(?:TRACE|DEBUG|INFO|WARN|ERROR)\]?|level=\w+)[: ] ?(?=\d+: |; |processed \d|R\d+ )/,
];

/** Begin and end of a log between other words of its loader. */
const BEGIN = /-- BEGIN (?:PROG LOAD|DUMP)? ?LOG -*|^-- BEGIN PROG LOAD LOG --/;
const END = /-- END (?:PROG LOAD|DUMP)? ?LOG -*|^-- END PROG LOAD LOG --/;

/** The lines of a log, and those around it. */
export interface CleanLog {
  readonly lines: readonly string[];
  /** What the loader said before and after, if it marks its log. */
  readonly around: readonly string[];
}

/**
 * Takes a log out of what it was pasted with: line ends of any kind, colours, time stamps, names of
 * the journal, quotation marks, the frames loaders put around it. Leading blanks go: no line of the
 * verifier needs them.
 */
export function cleanLog(text: string): CleanLog {
  const lines = linesOf(text).map(withoutPrefix).flatMap(apart);
  const begin = lines.findLastIndex((line) => BEGIN.test(line));
  if (begin < 0) return { lines: lines.filter((line) => !END.test(line)), around: [] };
  const end = lines.findIndex((line, i) => i > begin && END.test(line));
  const stop = end < 0 ? lines.length : end;
  return {
    lines: lines.slice(begin + 1, stop),
    around: [...lines.slice(0, begin), ...lines.slice(stop + 1)],
  };
}

function linesOf(text: string): string[] {
  const plain = text.replace(ESCAPES, '');
  const lines = plain.split(/\r\n|\n|\r/);
  const written = plain.split('\\n').length;
  // One line of JSON or Go, with its line feeds written out.
  if (written < 3 || written <= lines.length) return lines;
  const spoken = plain.replaceAll('\\t', '\t').replaceAll('\\"', '"').replaceAll('\\r', '');
  return spoken.split(/\r\n|\\n|\n|\r/);
}

/** cilium/ebpf puts a log's last lines into one: 'load program: denied: A: B (9 lines omitted)'. */
function apart(line: string): string[] {
  const said = /\bload program: [^:]+: (.+)$/.exec(line)?.[1];
  if (said === undefined) return [line];
  const words = said.replace(/ \((?:truncated|\d+ lines?(?:\(s\))? omitted).*\)$/, '');
  return [line, ...words.split(': ')];
}

function withoutPrefix(line: string): string {
  let rest = line;
  for (let left = 4; left > 0; left--) {
    const prefix = PREFIXES.map((one) => one.exec(rest)?.[0]).find((one) => one !== undefined);
    if (!prefix) break;
    rest = rest.slice(prefix.length);
  }
  return rest.trim();
}
