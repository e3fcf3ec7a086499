import './zod-setup'
import { createRoot } from 'react-dom/client'
import { connect } from './client'
import { Root } from './Root'

const element = document.getElementById('root')
if (element) createRoot(element).render(<Root connection={connect()} />)
