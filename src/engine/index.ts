export * from './fault.ts';
export * from './types.ts';
