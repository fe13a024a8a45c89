module dunlin.example/large

go 1.27
