export * from './bytes.ts';
export { nanosecondsIn } from './duration.ts';
export * from './errors.ts';
export { sha1 } from './sha1.ts';
export { wrapText } from './text.ts';
