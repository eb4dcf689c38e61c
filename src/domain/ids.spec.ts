import { expect, test } from '@jest/globals';
import { isId } from './ids.js';

test.each([
  ['a version 7 UUID', '01a20c93-86ce-712c-b738-5c4d704fceb9', true],
  ['any other lower-case UUID', '00000000-0000-0000-0000-000000000000', true],
  ['upper case', '01A20C93-86CE-712C-B738-5C4D704FCEB9', false],
  ['no hyphens', '01a20c9386ce712cb7385c4d704fceb9', false],
  ['braces', '{01a20c93-86ce-712c-b738-5c4d704fceb9}', false],
  ['one digit more', '01a20c93-86ce-712c-b738-5c4d704fceb90', false],
  ['one digit less', '01a20c93-86ce-712c-b738-5c4d704fceb', false],
  ['hyphens in other places', '01a20c938-6ce-712c-b738-5c4d704fceb9', false],
  ['a letter that is no digit', '01a20c93-86ce-712c-b738-5c4d704fcebg', false],
  ['a line break after it', '01a20c93-86ce-712c-b738-5c4d704fceb9\n', false],
  ['a blank before it', ' 01a20c93-86ce-712c-b738-5c4d704fceb9', false],
  ['full-width digits', '０1a20c93-86ce-712c-b738-5c4d704fceb9', false],
  ['nothing', '', false],
])('when the text is %s, then isId(%j) is %j', (_what, text, expected) => {
  expect(isId(text)).toBe(expected);
});
