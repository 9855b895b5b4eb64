export { declarationName, declareObject } from './declare.ts';
