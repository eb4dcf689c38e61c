import { render } from 'preact';
import { App } from './app.js';
import { identify } from './identity.js';

void identify();
const page = document.getElementById('page');
if (page !== null) render(<App />, page);
