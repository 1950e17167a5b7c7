import { render } from 'preact'
import { App } from './app.js'
import './styles/base.css'
import './styles/frame.css'
import './styles/log.css'
import './styles/composer.css'
import './styles/dialogs.css'

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
