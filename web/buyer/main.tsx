import { render } from 'preact';
import { App } from './app.js';
import { heedLinks, identify } from './identity.js';

heedLinks();
void identify();
const page = document.getElementById('page');
if (page !== null) render(<App />, page);
