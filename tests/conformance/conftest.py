from process_bench import bench as bench
