using System.Diagnostics;
using System.Text;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Bad input gets a message that says where, what and what to do, the right exit code, and nothing half-written.</summary>
public sealed class BadInputTests(TinyProject project) : IClassFixture<TinyProject>
{
    [Theory]
    [InlineData(2, "unknown key 'n_head'. Did you mean 'n_heads'?", "--set", "n_head=2")]
    [InlineData(2, "'n_ctx' must be a whole number at least 2 and at most 4,194,304, not 'abc'", "-ctx", "abc")]
    [InlineData(2, "'n_heads' 3 does not divide 'd_model' 32; nearest: 2, 4", "--set", "n_heads=3")]
    [InlineData(2, "takes KEY=VALUE", "--set", "n_ctx")]
    [InlineData(2, "there is no such file", "-c", "nowhere.yaml")]
    [InlineData(2, "Unrecognized command or argument '--n-cxt'", "--n-cxt", "3")]
    [InlineData(2, "Required argument missing for option: '--cluster'", "--cluster")]
    [InlineData(2, "dataset 'tin': there is no ", "-d", "tin")]
    [InlineData(3, "there are no tokens in", "-d", "tiny", "--set", "templates=other.yaml")]
    [InlineData(3, "run `dtt tokenize`", "-v", "600")]
    [InlineData(3, "the training text is too small", "-ctx", "1000000")]
    [InlineData(3, "too small for one step", "-b", "100000")]
    [InlineData(2, "'save_every' is 4294967297, but must be auto, or a whole number", "--set", "save_every=4294967297")]
    [InlineData(3, "of multiple-choice questions", "--set", "choices=q/none.jsonl")]
    [InlineData(3, "configs/config.yaml:1 is not a question", "--set", "choices=configs/config.yaml")]
    [InlineData(2, "--set init_from: 'init_from': there is no run 'nope'.", "--set", "init_from=nope")]
    [InlineData(2, "--priority takes a whole number, not '1,000'", "--priority", "1,000")]
    public async Task Train_SaysWhatIsWrong(int code, string message, params string[] arguments)
    {
        File.WriteAllText(Path.Combine(project.Path, "other.yaml"), "tokens: 'elsewhere/{dataset}/'\n");
        var runs = Directory.GetDirectories(Path.Combine(project.Path, "runs"));
        var result = await project.Dtt.RunAsync(["train", "-n", "bad", .. arguments]);
        Assert.Contains(message, result.Error);
        Assert.Equal(code, result.ExitCode);
        Assert.DoesNotContain("   at ", result.Error);
        Assert.DoesNotContain("LineNumber", result.Error);
        Assert.Equal(runs, Directory.GetDirectories(Path.Combine(project.Path, "runs")));
    }

    [Theory]
    [InlineData("empty.txt is empty", "")]
    [InlineData("every line is empty", "\n \n\n")]
    public async Task EmptyText_SaysSo(string message, string text)
    {
        using var folder = new TempFolder();
        var error = await OwnTextAsync(folder, "empty.txt", Encoding.UTF8.GetBytes(text), 3);
        Assert.Contains(message, error);
        Assert.True(!Directory.Exists(folder["tokenizers"]) || Directory.GetFileSystemEntries(folder["tokenizers"]).Length == 0);
    }

    [Fact]
    public async Task TextThatIsNotUtf8_SaysWhere()
    {
        using var folder = new TempFolder();
        var error = await OwnTextAsync(folder, "latin.txt", [.. "first line\nna"u8, 0xEF, .. "ve\n"u8], 3);
        Assert.Contains("latin.txt: byte 13 (0xEF, line 2) is not UTF-8", error);
        Assert.Empty(Directory.GetDirectories(folder["data/own"], "tokens*"));
    }

    [Fact]
    public async Task VocabularyLargerThanTheText_SaysTheLargestThatWorks()
    {
        using var folder = new TempFolder();
        Assert.Contains("set vocab_size to at most", await OwnTextAsync(folder, "few.txt", "few words only\n"u8.ToArray(), 3));
    }

    [Fact]
    public async Task TruncatedTokenShard_SaysWhichAndCreatesNoRun()
    {
        await WithCopyAsync(async (dtt, path) =>
        {
            var shard = Directory.GetFiles(path, "train_*.bin", SearchOption.AllDirectories).First();
            File.WriteAllBytes(shard, File.ReadAllBytes(shard)[..^10]);
            var result = await dtt.RunAsync("train", "-n", "torn");
            Assert.Equal(3, result.ExitCode);
            Assert.Contains($"{shard} has", result.Error);
            Assert.Contains($"Move {Path.GetDirectoryName(shard)} away and run `dtt tokenize` again.", result.Error);
            Assert.False(Directory.Exists(Path.Combine(path, "runs")));
        });
    }

    [Fact]
    public async Task NoValidationText_IsSaid()
    {
        await WithCopyAsync(async (dtt, path) =>
        {
            Directory.Delete(Path.Combine(path, "data/tiny/tokens"), recursive: true);
            await dtt.OutputAsync("tokenize", "--set", "val_fraction=0");
            var result = await dtt.RunAsync("train", "--set", "val_fraction=0", "--set", "max_steps=2");
            Assert.Equal(0, result.ExitCode);
            Assert.Contains("no_validation: the validation shards hold no window of 33 tokens", result.Error);
        });
    }

    [Fact]
    public async Task TokenizerOfAnotherText_IsNoticed()
    {
        await WithCopyAsync(async (dtt, path) =>
        {
            File.WriteAllText(Path.Combine(path, "configs/project_datasets/other.yaml"), "builtin: tales\nbytes: 200000\nseed: 99\n");
            await dtt.OutputAsync("download", "-d", "other");
            await dtt.OutputAsync("tokenize", "-d", "other");
            var tokenizer = Path.Combine(path, "tokenizers/tiny_512/tokenizer.json");
            File.Copy(Path.Combine(path, "tokenizers/other_512/tokenizer.json"), tokenizer, overwrite: true);
            var result = await dtt.RunAsync("train");
            Assert.Equal(3, result.ExitCode);
            Assert.Contains("were made with another tokenizer", result.Error);
        });
    }

    [Fact]
    public async Task Resume_OnOtherTokens_IsRefusedForGood_UntilTheyAreBack()
    {
        await WithCopyAsync(async (dtt, path) =>
        {
            await dtt.OutputAsync("train", "-n", "pinned", "--detach", "-e", "1000", "--set", "max_steps=100000", "--set", "save_every=1");
            await Wait.ForAsync("a checkpoint", () => File.Exists(Path.Combine(path, "runs/pinned/checkpoints/step_00000001.a01/manifest.json")));
            await dtt.OutputAsync("stop", "pinned");
            await TokenizeAsync("0.3");
            const string other = "run 'pinned' was trained on ";
            var refused = await dtt.RunAsync("resume", "pinned");
            Assert.Equal(3, refused.ExitCode);
            Assert.Contains(other, refused.Error);
            var run = (await dtt.JsonAsync("runs")).EnumerateArray().Single(r => r.GetProperty("run").GetString() == "pinned");
            Assert.Equal(("failed", 2), (run.GetProperty("state").GetString(), run.GetProperty("attempts").GetInt32())); // it was not tried again
            var audit = await dtt.RunAsync("audit", "pinned");
            Assert.Equal(3, audit.ExitCode);
            Assert.Contains("problem: " + other, audit.Output);
            Assert.Contains("committed steps in 2 attempts", audit.Output);
            Assert.Contains("note: " + other, (await dtt.RunAsync("evaluate", "pinned")).Error);

            await TokenizeAsync("0.05");
            await dtt.OutputAsync("resume", "pinned", "--detach");
            await dtt.OutputAsync("stop", "pinned");
            Assert.Contains(TinyProject.AuditOk, await dtt.OutputAsync("audit", "pinned"));
            Assert.DoesNotContain("note:", (await dtt.RunAsync("evaluate", "pinned")).Error);

            async Task TokenizeAsync(string valFraction)
            {
                Directory.Delete(Path.Combine(path, "data/tiny/tokens"), recursive: true);
                await dtt.OutputAsync("tokenize", "--set", $"val_fraction={valFraction}");
            }
        });
    }

    [Fact]
    public async Task TokensOfOtherSettings_AreNotOverwritten()
    {
        var result = await project.Dtt.RunAsync("tokenize", "--set", "val_fraction=0.3");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("val_fraction 0.05 there, 0.3 now", result.Error);
    }

    [Theory]
    [InlineData(2, "there is no run 'undisturbd'. Did you mean 'undisturbed'?", "undisturbd")]
    [InlineData(3, "has no checkpoint '17'; it has 30, 40", "undisturbed@17")]
    public async Task Sample_OfNothing_SaysWhatThereIs(int code, string message, string run)
    {
        var result = await project.Dtt.RunAsync("sample", run);
        Assert.Contains(message, result.Error);
        Assert.Equal(code, result.ExitCode);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("-t", "0,5", "-t takes a number, such as 0.5, not '0,5'")]
    [InlineData("--top-p", "NaN", "--top-p takes a number")]
    [InlineData("-n", "1e2", "-n takes a whole number")]
    [InlineData("-s", "9223372036854775808", "-s takes a whole number")]
    [InlineData("-n", "1,000", "-n takes a whole number")]
    public async Task Sample_NumberOfAnotherForm_IsRefused(string option, string value, string message)
    {
        var result = await project.Dtt.RunAsync("sample", "undisturbed", option, value);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public async Task TextThatStartsWithAnAtSign_IsText()
    {
        File.WriteAllText(Path.Combine(project.Path, "lamp"), "another text");
        var ids = (await project.Dtt.OutputAsync("tokenizer", "encode", "@lamp")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("@lamp", (await project.Dtt.OutputAsync(["tokenizer", "decode", .. ids])).TrimEnd('\n'));
        Assert.StartsWith("@lamp said", await project.Dtt.OutputAsync("sample", "undisturbed", "-p", "@lamp said", "-n", "2"));
    }

    [Fact]
    public Task Arguments_OfAnyDamage_AreRefusedInWords_OrDone() => Fuzz.RunAsync(12, async random =>
    {
        string[][] commands =
        [
            ["train", "--dry-run"], ["tokenize", "--dry-run"], ["download", "--dry-run"], ["show"], ["checkpoints"], ["events"], ["logs"], ["metrics"],
            ["audit"], ["sample", "-n", "1"], ["evaluate"], ["runs"], ["datasets"], ["queue"], ["tokenizer", "encode"], ["tokenizer", "decode"],
        ];
        string[] words =
            ["undisturbed", "undisturbed@", "undisturbed@40", "@best", "--json", "-t", "-n", "--set", "seed=", "-c", "-d", "--max", "--rank", "--csv", "-b"];
        var more = Enumerable.Range(0, random.Next(4)).Select(_ => random.One(random.Next(2) == 0 ? words : Fuzz.Odd));
        string[] arguments = [.. random.One(commands), .. more];
        var result = await project.Dtt.RunAsync(arguments);
        var told = $"{string.Join(' ', arguments)}: {result.ExitCode} {result.Error}";
        Assert.True(result.ExitCode is >= 0 and <= 4, told);
        Assert.False(told.Contains("   at ") || told.Contains("bug in DTT"), told);
        Assert.True(result.ExitCode == 0 || result.Error.Trim().Length > 0, told);
    });

    [Fact]
    public async Task Help_NamesTheArgument_NotTheRuns() => Assert.Contains("dtt show <RUN>", await project.Dtt.OutputAsync("show", "--help"));

    [Fact]
    public async Task LossThatIsNotANumber_SaysTheStepAndKeepsTheLastCheckpoint()
    {
        var result = await project.Dtt.RunAsync(
            "train", "-n", "nan", "--set", "lr_schedule.name=constant", "--set", "lr_schedule.params.lr_max=1e30", "--set", "warmup_steps=0",
            "--set", "save_every=1", "--set", "grad_clip=0");
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(@"step \d+: the loss is", result.Error);
        Assert.Contains("The gradient of ", result.Error);
        var shown = await project.Dtt.JsonAsync("show", "nan");
        Assert.Equal("failed", shown.GetProperty("state").GetString());
        Assert.NotEmpty(shown.GetProperty("checkpoints").EnumerateArray());
    }

    [Fact]
    public async Task PlanThatCannotFitTheDisk_IsRefusedBeforeARunIsMade()
    {
        await SkipUnlessMountableAsync();
        await WithCopyAsync(async (dtt, path) =>
        {
            var (output, error) = await InOwnMountsAsync($"""
                mkdir -p {path}/runs && mount -t tmpfs -o size=900k none {path}/runs && cd {path} && export DTT_HOME={path}/.dtt
                dotnet {DttProgram.Assembly} train -n full; echo code $?
                ls runs
                dotnet {DttProgram.Assembly} silo stop
                """);
            Assert.Matches(@"runs has 0\.9 MB free, but needs room for 4 checkpoints of 0\.5 MB "
                + @"\(keep: 2, the best one, and the one being written\)\. ", error);
            Assert.Contains("Free some space, lower keep", error);
            Assert.Equal("code 2\n", output);
        });
    }

    [Fact]
    public async Task ModelThatCannotFitInMemory_IsRefusedWithTheEstimate()
    {
        string[] huge = ["train", "-n", "huge", "-b", "1000000", "-e", "100000"];
        foreach (var cuda in new[] { "--no-cuda", "-cuda" })
        {
            var result = await project.Dtt.RunAsync([.. huge, cuda]);
            Assert.Equal(2, result.ExitCode);
            Assert.Matches(@"needs about [\d,.]+ GB of memory, at least [\d,.]+ [GM]B of it for a micro-batch of 1000000 × 32 tokens, ", result.Error);
            Assert.Matches(@"but this machine has [\d.]+ GB\. Lower batch_size", result.Error);
        }
    }

    [Fact]
    public async Task Import_WhereTheDiskIsFullOrReadOnly_LeavesNothing()
    {
        await SkipUnlessMountableAsync();
        await WithCopyAsync(async (dtt, path) =>
        {
            var model = Repository.At("tests", "reference", "hf-gpt2");
            var (output, error) = await InOwnMountsAsync($"""
                mkdir -p {path}/runs && mount -t tmpfs -o size=40k none {path}/runs && cd {path} && export DTT_HOME={path}/.dtt
                dotnet {DttProgram.Assembly} import {model} -n full; echo code $?
                mount -o remount,ro {path}/runs
                dotnet {DttProgram.Assembly} import {model} -n full; echo code $?
                ls -A runs; ls -d tokenizers/full-*
                dotnet {DttProgram.Assembly} silo stop
                """);
            Assert.Equal("code 1\ncode 1\n", output);
            Assert.Contains($"the run could not be written to {path}/runs (No space left on device", error);
            Assert.Contains($"the run could not be written to {path}/runs (Read-only file system", error);
            Assert.Contains("free some space, or name another place with 'runs' in configs/path_templates.yaml", error);
            Assert.Contains("tokenizers/full-*", error); // ls: there is none
        });
    }

    [Fact]
    public async Task FullDisk_FailsTheSaveButNeverThePreviousCheckpoint()
    {
        await SkipUnlessMountableAsync();
        await WithCopyAsync(async (dtt, path) =>
        {
            // Room for all that the plan needs, until somebody else fills the disk after the first checkpoint.
            var (output, error) = await InOwnMountsAsync($"""
                mkdir -p {path}/runs && mount -t tmpfs -o size=4m none {path}/runs && cd {path} && export OMP_NUM_THREADS=1 DTT_HOME={path}/.dtt
                (dotnet {DttProgram.Assembly} train -n full --set grad_accumulation_steps=40 -e 10; echo code $?) &
                until [ -f runs/full/checkpoints/step_00000010.a01/manifest.json ]; do sleep 0.05; done
                cat /dev/zero > runs/filler
                wait
                dotnet {DttProgram.Assembly} show full --json
                echo left; ls runs/full/checkpoints
                dotnet {DttProgram.Assembly} silo stop
                """);
            Assert.Contains("could not be written (No space left on device", error);
            Assert.Contains("free some space and `dtt resume full`", error);
            Assert.Contains("code 1", output);
            Assert.Contains("\"step\": 10,", output);
            Assert.EndsWith("left\nstep_00000010.a01\n", output);
        });
    }

    [Fact]
    public async Task FullStateDisk_ExplainsAndLosesNothing()
    {
        LongTests.Only();
        await SkipUnlessMountableAsync();
        await WithCopyAsync(async (_, path) =>
        {
            var (output, error) = await InOwnMountsAsync($"""
                mkdir -p {path}/state && mount -t tmpfs -o size=8m,mode=700 none {path}/state && cd {path}
                export OMP_NUM_THREADS=1 DTT_HOME={path}/.dtt DTT_STATE={path}/state
                dtt() {"{"} dotnet {DttProgram.Assembly} "$@"; {"}"}
                dtt train -n before --set max_steps=4
                head -c 20m /dev/zero > state/filler 2> /dev/null
                dtt train -n refused --set max_steps=4; echo code $?
                dtt silo stop --force
                dtt runs; echo code $?
                rm state/filler
                dtt train -n after --set max_steps=4; echo code $?
                dtt runs --json
                dtt silo stop --force
                """);
            Assert.Contains($"{path}/state could not be read or written (SQLite Error 13", error);
            Assert.DoesNotContain("this is a bug", error);
            Assert.Equal(["code 1", "code 0", "code 0"], output.Split('\n').Where(l => l.StartsWith("code")).Take(3));
            Assert.Matches("(?s)\"run\": \"(before|after)\".*\"run\": \"(before|after)\"", output);
        });
    }

    [Fact]
    public async Task StateOnANetworkFileSystem_IsRefusedBeforeAnythingIsMade()
    {
        await SkipUnlessMountableAsync();
        Assert.SkipUnless(File.Exists("/dev/fuse"), "the kernel has no FUSE.");
        using var folder = new TempFolder();

        // A file system whose server never answers: only the kernel may be asked about it.
        var (_, error) = await InOwnMountsAsync($"""
            mkdir {folder.Path}/remote && exec 9<> /dev/fuse
            mount -i -t fuse -o fd=9,rootmode=40000,user_id=12345,group_id=12345 none {folder.Path}/remote
            export DTT_HOME={folder.Path}/home DTT_STATE={folder.Path}/remote
            dotnet {DttProgram.Assembly} runs; echo "code $?" >&2
            """);
        Assert.Contains($"DTT_STATE is {folder.Path}/remote, on a network file system (FUSE): SQLite loses data there", error);
        Assert.EndsWith("code 2\n", error);
    }

    private static async Task SkipUnlessMountableAsync()
    {
        var probe = Process.Start(new ProcessStartInfo("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]) { RedirectStandardError = true });
        await probe!.WaitForExitAsync();
        Assert.SkipUnless(probe.ExitCode == 0, "a small file system of its own needs the right to mount one (root).");
    }

    /// <summary>Runs a script that may mount what it likes.</summary>
    private static async Task<(string Output, string Error)> InOwnMountsAsync(string script)
    {
        var start = new ProcessStartInfo("unshare", ["-m", "bash", "-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (await output, await error);
    }

    private async Task<string> OwnTextAsync(TempFolder folder, string file, byte[] text, int code)
    {
        File.WriteAllBytes(folder[file], text);
        folder.Write("configs/project_datasets/own.yaml", $"path: {folder[file]}\ndocuments: lines\n");
        var dtt = new DttProgram(folder.Path, project.Dtt.Home);
        var result = await dtt.RunAsync("download", "-d", "own");
        if (result.ExitCode == 0) result = await dtt.RunAsync("tokenize", "-d", "own");
        Assert.Equal(code, result.ExitCode);
        return result.Error;
    }

    private async Task WithCopyAsync(Func<DttProgram, string, Task> test)
    {
        using var folder = new TempFolder();
        foreach (var part in new[] { "configs", "data", "tokenizers" })
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(project.Path, part), "*", SearchOption.AllDirectories))
            {
                var copy = Path.Combine(folder.Path, Path.GetRelativePath(project.Path, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }

        await test(new DttProgram(folder.Path, project.Dtt.Home), folder.Path);
    }
}
