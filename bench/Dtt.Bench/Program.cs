using System.CommandLine;
using Dtt.Bench;

var root = new RootCommand("Measure the overhead of the platform, as ratios within one run. Build the programs first: ./dtt --rebuild");
var pairs = new Option<int>("--pairs") { Description = "How many interleaved pairs of measurements.", DefaultValueFactory = _ => 5 };

var megabytes = new Option<int>("--megabytes") { Description = "Megabytes of text, or of the file.", DefaultValueFactory = _ => 200 };
var groups = new Option<int>("--parquet-rows") { Description = "Of a Parquet file, with so many rows in a group; 0: of text.", DefaultValueFactory = _ => 0 };
var tokenize = new Command("tokenize", "Compare `dtt tokenize` with the library alone.") { megabytes, pairs, groups };
tokenize.SetAction(result => TokenizeBench.Run(result.GetValue(megabytes), files: 1, result.GetValue(pairs), result.GetValue(groups)));

var rows = new Option<int>("--rows") { Description = "Rows of a row group.", DefaultValueFactory = _ => 500_000 };
var parquet = new Command("parquet", "Measure the way from a Parquet file to tokens, and the memory it takes at most.") { megabytes, rows };
parquet.SetAction(result => ParquetBench.Run(result.GetValue(megabytes), result.GetValue(rows)));

var download = new Command("download", "Compare `dtt download` from a Hub on loopback with copying the same files.") { megabytes, pairs };
download.SetAction(result => DownloadBench.Run(result.GetValue(megabytes), result.GetValue(pairs)));

var count = new Option<int>("--count") { Description = "How many pieces: files of a few documents each.", DefaultValueFactory = _ => 10_000 };
var pieces = new Command("pieces", "Measure what planning and many small pieces cost beyond the library alone.") { count, pairs };
pieces.SetAction(result => TokenizeBench.Run(megabytes: 20, result.GetValue(count), result.GetValue(pairs)));

var steps = new Option<int>("--steps") { Description = "Steps of each run; the first 20 are not counted.", DefaultValueFactory = _ => 250 };
var set = new Option<string[]>("--set") { Description = "A setting for both, as dtt takes it; repeatable.", DefaultValueFactory = _ => [] };
var platform = new Command("platform", "Compare `dtt train` with `dtt-rank --standalone` on the quickstart's configuration.") { steps, set, pairs };
platform.SetAction(result => PlatformBench.Run(result.GetValue(steps), result.GetValue(set)!, result.GetValue(pairs)));

var text = new Option<string>("--text") { Description = "A text file, or a folder of them.", Required = true };
var python = new Option<string>("--python") { Description = "A Python that has torch.", DefaultValueFactory = _ => "python3" };
var curveSteps = new Option<int>("--steps") { Description = "Training steps.", DefaultValueFactory = _ => 1000 };
var curve = new Command("curve", "Train the same model here and in PyTorch; exit 1 when the final validation losses differ by more than 0.02.")
{
    text, curveSteps, python,
};
curve.SetAction(result => CurveBench.Run(result.GetValue(text)!, result.GetValue(curveSteps), result.GetValue(python)!));

var preset = new Option<string>("--preset") { Description = "The model.", DefaultValueFactory = _ => "gpt2-124m" };
var precision = new Option<string>("--precision") { Description = "bf16 or fp32.", DefaultValueFactory = _ => "bf16" };
var rankSteps = new Option<int>("--steps") { Description = "Steps of each run; the first 3 are not counted.", DefaultValueFactory = _ => 10 };
var ranks = new Command("ranks", "Compare two ranks of one thread with one rank of two threads.") { preset, precision, rankSteps, pairs };
ranks.SetAction(result => RanksBench.Run(result.GetValue(preset)!, result.GetValue(rankSteps), result.GetValue(pairs), result.GetValue(precision)!));

var nodes = new Option<int>("--nodes") { Description = "Nodes.", DefaultValueFactory = _ => 64 };
var gpus = new Option<int>("--gpus") { Description = "GPUs of each node.", DefaultValueFactory = _ => 8 };
var perRun = new Option<int>("--ranks") { Description = "Ranks of each run.", DefaultValueFactory = _ => 8 };
var queued = new Option<int>("--queued") { Description = "Runs that wait.", DefaultValueFactory = _ => 1000 };
var seconds = new Option<int>("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 30 };
var load = new Command("load", "Measure what a busy platform costs one silo: every run reports each second. DTT_POSTGRES names a database instead of SQLite.")
{
    nodes, gpus, perRun, queued, seconds,
};
load.SetAction(result => LoadBench.RunAsync(
    result.GetValue(nodes), result.GetValue(gpus), result.GetValue(perRun), result.GetValue(queued), result.GetValue(seconds)));

var prose = new Option<string>("--text") { Description = "A file of prose.", Required = true };
var much = new Option<int>("--megabytes") { Description = "Megabytes of it; a shorter file is repeated.", DefaultValueFactory = _ => 10 };
var peer = new Option<string>("--peer") { Description = "A program that trains on the file that is its last argument.", DefaultValueFactory = _ => "" };
var encode = new Command("encode", "Compare encoding with Microsoft's and Hugging Face's libraries, and two threads with one.") { prose, much, pairs };
encode.SetAction(result => TokenizerBench.Encode(result.GetValue(prose)!, result.GetValue(much), result.GetValue(pairs)));
var trainer = new Command("trainer", "Train a tokenizer of 49,152 ids, and compare with a peer such as `node bench/huggingface_train.js`.")
{
    prose, much, peer, pairs,
};
trainer.SetAction(result => TokenizerBench.Train(result.GetValue(prose)!, result.GetValue(much), result.GetValue(peer)!, result.GetValue(pairs)));

root.Add(encode);
root.Add(trainer);
root.Add(load);
root.Add(curve);
root.Add(ranks);
root.Add(tokenize);
root.Add(pieces);
root.Add(parquet);
root.Add(download);
root.Add(platform);
return root.Parse(args).Invoke();
