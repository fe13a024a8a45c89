module dunlin.example/flock

go 1.27
