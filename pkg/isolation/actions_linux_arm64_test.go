package isolation

func actionsHere(uintptr, uintptr) map[string]error { return nil }
