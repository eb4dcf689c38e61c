import { render } from 'preact';
import { App } from './app.js';
import { resume } from './session.js';

void resume();
const page = document.getElementById('page');
if (page !== null) render(<App />, page);
