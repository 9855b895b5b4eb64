/** What of a recorded run is looked at, beside the step: a part of the address. */
export type RunPane = (typeof PANES)[number];

export interface RunLook {
  readonly pane: RunPane;
  /** Breakpoints, in the words of `stops.ts`. */
  readonly stops: readonly string[];
  /** What maps are compared with: the step before, or what was there before the packet. */
  readonly since: 'step' | 'packet';
  /** Whose heat: of this packet, or of all of the capture. */
  readonly heat: 'packet' | 'all';
  /** Bytes of the packet that are selected. */
  readonly bytes: ByteRange | undefined;
}

export interface ByteRange {
  readonly at: number;
  readonly length: number;
}

const PANES = ['state', 'maps', 'packet', 'stops'] as const;
/** More breakpoints than this are in no address that somebody made. */
const MOST_STOPS = 50;
/** 64 kB and some: no packet is longer. */
const LONGEST = 1 << 17;

export const PLAIN_LOOK: RunLook = {
  pane: 'state',
  stops: [],
  since: 'step',
  heat: 'packet',
  bytes: undefined,
};

/** Never fails: what cannot be read is as it is at first. */
export function parseLook(words: URLSearchParams): RunLook {
  const pane = PANES.find((one) => one === words.get('pane')) ?? 'state';
  const bytes = /^(\d{1,6})\+(\d{1,6})$/.exec(words.get('at') ?? '');
  const [at, length] = [Number(bytes?.[1]), Number(bytes?.[2])];
  return {
    pane,
    stops: words.getAll('b').filter(Boolean).slice(0, MOST_STOPS),
    since: words.get('since') === 'packet' ? 'packet' : 'step',
    heat: words.get('heat') === 'all' ? 'all' : 'packet',
    bytes: length > 0 && at + length <= LONGEST ? { at, length } : undefined,
  };
}

/** The other way round. */
export function setLook(words: URLSearchParams, look: RunLook): void {
  if (look.pane !== 'state') words.set('pane', look.pane);
  if (look.since !== 'step') words.set('since', look.since);
  if (look.heat !== 'packet') words.set('heat', look.heat);
  if (look.bytes) words.set('at', `${look.bytes.at}+${look.bytes.length}`);
  for (const stop of look.stops) words.append('b', stop);
}
