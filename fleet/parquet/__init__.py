"""Arrow and Parquet as bytes; knows no job."""
