import { wordsIn } from '../../shared/language.js';
import { en } from './en.js';
import { zhHant } from './zh-hant.js';

export const words = wordsIn({ en, 'zh-Hant': zhHant });
