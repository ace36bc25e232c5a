package bus_test

func fullDiskMain() {}
