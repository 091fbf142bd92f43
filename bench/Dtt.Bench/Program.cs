using System.CommandLine;
using Dtt.Bench;

var root = new RootCommand("What the platform costs, as ratios within one run. Build the programs first: ./dtt --rebuild");
var pairs = new Option<int>("--pairs") { Description = "Interleaved pairs.", DefaultValueFactory = _ => 5 };

var megabytes = new Option<int>("--megabytes") { Description = "Text to tokenize.", DefaultValueFactory = _ => 200 };
var tokenize = new Command("tokenize", "`dtt tokenize` against the library alone.") { megabytes, pairs };
tokenize.SetAction(result => TokenizeBench.Run(result.GetValue(megabytes), files: 1, result.GetValue(pairs)));

var count = new Option<int>("--count") { Description = "Pieces: files of a few documents each.", DefaultValueFactory = _ => 10_000 };
var pieces = new Command("pieces", "What planning and each of many small pieces cost more than in the library alone.") { count, pairs };
pieces.SetAction(result => TokenizeBench.Run(megabytes: 20, result.GetValue(count), result.GetValue(pairs)));

var steps = new Option<int>("--steps") { Description = "Steps of each run; the first 20 do not count.", DefaultValueFactory = _ => 250 };
var set = new Option<string[]>("--set") { Description = "Another setting, as dtt has it; repeatable.", DefaultValueFactory = _ => [] };
var platform = new Command("platform", "`dtt train` against `dtt-rank --standalone`, on the quickstart's configuration.") { steps, set, pairs };
platform.SetAction(result => PlatformBench.Run(result.GetValue(steps), result.GetValue(set)!, result.GetValue(pairs)));

root.Add(tokenize);
root.Add(pieces);
root.Add(platform);
return root.Parse(args).Invoke();
