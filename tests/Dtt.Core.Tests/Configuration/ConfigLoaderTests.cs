using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Tests;

namespace Dtt.Core.Tests.Configuration;

public sealed class ConfigLoaderTests : IDisposable
{
    /// <summary>The keys of the Python DTT's config.yaml with values of its kind.</summary>
    private const string PythonConfig = """
        d_mlp: 256
        d_model: 64
        mask_type: causal
        n_blocks: 6
        n_ctx: 32
        n_heads: 8
        name: dtt
        seed: 91
        vocab_size: 16384
        batch_size: 32
        epochs: 1
        grad_accumulation_steps: 1
        dropout: 0.2
        dataset: wiki
        overlap: 4
        n_workers: 2
        min_loader_ratio: 0.85
        cuda: True
        autocast: True
        optimizer:
          name: adamw
          params:
            weight_decay: 0.0001
            fused: True
        lr_schedule:
          name: onecycle
          params:
            lr_max: 0.01
            pct_start: 0.1 # share
        log_per_val: 1000
        temp: 1
        val_prompt: Hello, my name is dtt. DTT stands for
        wandb: False
        eff_batch_per_log: 100
        profile: False
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_PythonConfig_KeepsEveryValueAndExplainsLostKeys()
    {
        var config = Load(PythonConfig);
        var model = config.Run.Model;
        Assert.Equal((256, 64, 6, 32, 8), (model.MlpDim, model.ModelDim, model.NumLayers, model.ContextLength, model.NumHeads));
        Assert.Equal((0.0001, 0.01, 0.1), (config.Run.Optimizer.WeightDecay, config.Run.LearningRate.Max, config.Run.LearningRate.PercentStart));
        Assert.Equal("Hello, my name is dtt. DTT stands for", config.Run.ValPrompt);
        Assert.Equal(100_000, config.Run.EvalEvery);
        Assert.Equal(["n_workers", "min_loader_ratio", "optimizer.params.fused"], config.Notes.Select(n => n.Split('\'')[1]));
    }

    [Fact]
    public void Load_PythonPathTemplates_AppendTheTokenizerAndDropThePickleEnding()
    {
        var templates = _folder.Write("templates.yaml", """
            dataset: '~/data/{dataset}/raw/'
            tokens: 'data/{dataset}/tokens/'
            model: 'models/{name}_{time}/model.pt'
            tokenizer: 'tokenizers/{dataset}_{vocab_size}.pkl'
            wandb: '{name}_{time}'
            """);
        var config = Load($"dataset: wiki\nvocab_size: 300\ntemplates: {templates}");
        Assert.Equal(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "data/wiki/raw"), config.Paths.Raw);
        Assert.Equal(Path.GetFullPath("tokenizers/wiki_300"), config.Paths.Tokenizer);
        Assert.Equal(Path.GetFullPath("data/wiki/tokens/wiki_300"), config.Paths.Tokens);
        Assert.Equal(2, config.Notes.Count);
    }

    [Fact]
    public void Load_TemplateWithAMissingKey_IsAnError()
    {
        var templates = _folder.Write("templates.yaml", "tokens: 'data/{datset}/tokens/'\n");
        var error = Assert.Throws<ConfigurationException>(() => Load($"templates: {templates}"));
        Assert.Equal($"{templates}:1: 'tokens' names {{datset}}, which is not a configuration key. Did you mean 'dataset'?", error.Message);
    }

    [Fact]
    public void Load_UnknownKey_NamesLineAndNearestKey()
    {
        var error = Assert.Throws<ConfigurationException>(() => Load("seed: 1\nn_head: 4\n"));
        Assert.Equal($"{_folder["config.yaml"]}:2: unknown key 'n_head'. Did you mean 'n_heads'?", error.Message);
        Assert.Equal(ExitCodes.BadConfiguration, error.ExitCode);
    }

    [Fact]
    public void Load_SeveralErrors_ReportsThemAllAtOnce()
    {
        const string Wrong = """
            n_ctx: many
            lr_max: 0.1
            seed: 1
            seed: 2
            dropout: 1.5
            optimizer:
              name: adamww
            n_heads: 5
            d_model: 64
            unheard_of: 1
            """;
        var error = Assert.Throws<ConfigurationException>(() => Load(Wrong, ("batch_size", "0", "-b")));
        Assert.Collection(error.Errors,
            e => Assert.Contains(":1: 'n_ctx' must be a whole number at least 2 and at most 4,194,304, not 'many'", e),
            e => Assert.Contains(":2: unknown key 'lr_max'. It belongs under 'lr_schedule.params'", e),
            e => Assert.Contains(":4: 'seed' is set a second time; the first is on line 3", e),
            e => Assert.Contains(":5: 'dropout' is 1.5, but must be a number at least 0 and at most 0.95", e),
            e => Assert.Contains(":7: 'optimizer.name' is 'adamww', but must be one of adamw, adam, sgd, muon. Did you mean 'adamw'?", e),
            e => Assert.Contains(":10: unknown key 'unheard_of'", e),
            e => Assert.Contains("-b: 'batch_size' is 0, but must be a whole number at least 1", e),
            e => Assert.Contains(":8: 'n_heads' 5 does not divide 'd_model' 64; nearest: 4, 8", e));
    }

    [Theory]
    [InlineData("optimizer.params.weight_decay", "0")]
    [InlineData("optimizer.params.weight_decay", "0.0")]
    public void Load_CommandLineZero_BeatsTheFile(string key, string value) =>
        Assert.Equal(0, Load(PythonConfig, (key, value, "--set")).Run.Optimizer.WeightDecay);

    [Fact]
    public void Load_CommandLineFalse_BeatsTheFile() => Assert.False(Load(PythonConfig, ("cuda", "false", "--set")).Run.Cuda);

    [Fact]
    public void Load_UnknownCommandLineKey_SuggestsTheNearest()
    {
        var error = Assert.Throws<ConfigurationException>(() => Load("", ("optimizer.params.weight_decya", "0", "--set")));
        Assert.Contains("Did you mean 'optimizer.params.weight_decay'?", error.Message);
    }

    [Theory]
    [InlineData("gpt2-124m", 124_439_808)]
    [InlineData("gpt2-350m", 354_823_168)]
    [InlineData("gpt2-774m", 774_030_080)]
    [InlineData("gpt2-1558m", 1_557_611_200)]
    [InlineData("llama-15m", 15_191_712)]
    [InlineData("llama-1b", 1_038_682_112)]
    [InlineData("qwen3-0.6b", 596_049_920)]
    public void Load_Preset_HasTheParametersOfTheOriginal(string preset, long parameters) =>
        Assert.Equal(parameters, new Core.Models.ModelArithmetic(Load($"preset: {preset}").Run.Model).Parameters);

    [Fact]
    public void Load_Preset_StandsBelowWhatIsSet_AndResolvesToItself()
    {
        var config = Load("preset: llama-42m\nn_blocks: 3\n", ("vocab_size", "300", "--set"));
        Assert.Equal(("llama", 3, 300, 1376), (config.Run.Model.Architecture, config.Run.Model.NumLayers, config.Run.Model.VocabSize, config.Run.Model.MlpDim));
        Assert.Contains("d_mlp: 1376 # preset llama-42m", config.Values.ToYaml());
        Assert.Equal(config.Run.Model, RunConfig.Parse(config.Values.ToYaml()).Model);
        Assert.Contains("Did you mean 'gpt2-124m'?", Assert.Throws<ConfigurationException>(() => Load("preset: gpt-124m")).Message);
    }

    [Theory]
    [InlineData("architecture: llama\nn_heads: 4\nn_kv_heads: 3\nd_model: 64", "'n_kv_heads' 3 does not divide 'n_heads' 4; nearest: 2, 4")]
    [InlineData("architecture: llama\nn_heads: 4\nd_model: 12", "is 3, an odd width")]
    [InlineData("n_heads: 4\nn_kv_heads: 2\nd_model: 64", "has no grouped queries")]
    [InlineData("n_heads: 4\nhead_dim: 32\nd_model: 64", "'head_dim' 32 × 'n_heads' 4 is not 'd_model' 64")]
    [InlineData("architecture: qwen3\nhead_dim: 15", "'head_dim' 15 is odd; nearest: 14, 16")]
    [InlineData("tie_embeddings: false", "always ties its head")]
    [InlineData("lr_schedule:\n  name: exponential\nmin_lr: 0", "never reaches 0")]
    public void Load_KeysThatContradictEachOther_SaysHow(string text, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigurationException>(() => Load(text)).Message);

    public static TheoryData<string> WholeNumbers =>
        [.. RunKeys.All.Where(k => k.Kind == KeyKind.Integer && k.Limit < 1e18 && k.LostMeaning is null).Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(WholeNumbers))]
    public void Load_WholeNumberAboveItsBound_SaysTheBound(string name)
    {
        var max = (long)RunKeys.All.Single(k => k.Name == name).Limit;
        foreach (var value in new[] { max + 1, 4294967297 + max, long.MaxValue })
        {
            var error = Assert.Throws<ConfigurationException>(() => Load($"{name}: {value}"));
            Assert.Contains($"'{name}' is {value}, but must be ", error.Message);
            Assert.Contains("a whole number", error.Message);
            Assert.Contains($"at most {max:N0}", error.Message);
        }
    }

    [Theory]
    [MemberData(nameof(WholeNumbers))]
    public void Load_WholeNumberAtItsBound_IsSaidToBeTooLargeOrHasItsNeeds(string name)
    {
        var max = (long)RunKeys.All.Single(k => k.Name == name).Limit;
        try
        {
            var needs = new RunNeeds(Load($"{name}: {max}\nn_heads: 1").Run);
            Assert.True(needs.CheckpointBytes > 0 && needs.HostBytes(bf16: true, ranks: 1024) > 0);
            Assert.True(needs.Checkpoints(1_000_000_000_000) > 0);
        }
        catch (ConfigurationException e)
        {
            Assert.Contains(name, e.Message);
        }
    }

    [Theory]
    [InlineData("grad_clip: 1e400", "'grad_clip' is 1e400, but must be a number at least 0.")]
    [InlineData("batch_size: 1000000\nn_ctx: 4000000", "tokens are more than a micro-batch may have")]
    [InlineData("batch_size: 100000\nn_ctx: 2\noverlap: 0\ngrad_accumulation_steps: 1000000", "a step has at most 2,147,483,647 windows")]
    [InlineData("log_per_val: 1000000\neff_batch_per_log: 1000000", "is 1,000,000,000,000 steps, more than 2,147,483,647")]
    public void Load_NumbersWhoseProductIsTooLarge_SaysSo(string text, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigurationException>(() => Load(text)).Message);

    [Fact]
    public void Load_DocumentMask_IsOffUnlessSet_AndNeedsACausalMask()
    {
        Assert.False(Load("").Run.Model.DocumentMask);
        Assert.DoesNotContain("document_mask", Load("").Values.ToYaml());
        Assert.True(Load("document_mask: true").Run.Model.DocumentMask);
        var error = Assert.Throws<ConfigurationException>(() => Load("mask_type: none\ndocument_mask: true"));
        Assert.Contains(":2: 'document_mask' needs 'mask_type: causal'", error.Message);
    }

    [Fact]
    public void Load_Pack_IsUnsetUnlessSet_AndGoesWithoutOverlap()
    {
        Assert.False(Load("").Run.WindowsBeginWithDocuments);
        Assert.DoesNotContain("pack", Load("").Values.ToYaml());
        Assert.False(Load("pack: none\noverlap: 4").Run.WindowsBeginWithDocuments);
        Assert.True(Load("pack: bos").Run.WindowsBeginWithDocuments);
        var error = Assert.Throws<ConfigurationException>(() => Load("pack: bos\noverlap: 4"));
        Assert.Contains(":1: 'pack: bos' lays windows where documents begin, so 'overlap' 4 has no meaning", error.Message);
        Assert.Contains("'pack'", Assert.Throws<ConfigurationException>(() => Load("pack: best")).Message);
    }

    [Theory]
    [InlineData("q/ok.jsonl")]
    [InlineData("~/ok.jsonl")]
    public void Load_Path_IsAbsolute_FromTheFileAndFromTheCommandLine(string path)
    {
        var full = path.StartsWith('~')
            ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : Path.Combine(Environment.CurrentDirectory, path);
        Assert.Equal(full, Load($"choices: {path}").Run.Choices);
        Assert.Equal(full, Load("", ("choices", path, "--set")).Run.Choices);
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData(".hidden")]
    public void Load_NameThatWouldLeaveItsFolder_IsRefused(string name) =>
        Assert.Contains("it names a folder", Assert.Throws<ConfigurationException>(() => Load("", ("name", name, "-n"))).Message);

    [Theory]
    [InlineData("a: [1, 2\nb: 3", "not YAML")]
    [InlineData("- one\n- two", "is a list of 'key: value' lines")]
    [InlineData("seed: &x 1\nbatch_size: *x", "anchors and aliases")]
    [InlineData("optimizer: adamw", "'optimizer' holds keys (name, params)")]
    public void Load_NoConfiguration_SaysWhatIsWrong(string text, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigurationException>(() => Load(text)).Message);

    [Fact]
    public void Load_MissingFile_SaysSo()
    {
        var error = Assert.Throws<ConfigurationException>(() => ConfigLoader.Load(_folder["none.yaml"], [], TimeProvider.System));
        Assert.Contains("there is no such file", error.Message);
    }

    [Fact]
    public void ToYaml_OfAnyText_LoadsToTheSameText()
    {
        var all = string.Concat(Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(c => !char.IsSurrogate(c))) + "🙂";
        foreach (var key in RunKeys.All.Where(k => k is { Kind: KeyKind.Text, Choices.Count: 0, LostMeaning: null }))
        {
            var reader = new ConfigReader(RunKeys.All).SetFromCommandLine(key.Name, all, $"a file\u2028with a line\nin its name");
            reader.ThrowIfWrong();
            var again = new ConfigReader(RunKeys.All).ReadText(reader.Values.ToYaml(), "config.yaml");
            again.ThrowIfWrong();
            Assert.Equal(all, again.Values.Text(key.Name));
        }
    }

    [Theory]
    [InlineData('\u0085')]
    [InlineData('\u2028')]
    [InlineData('\u2029')]
    [InlineData('\u001b')]
    [InlineData('\uFEFF')]
    public void ToYaml_OfACharacterThatEndsALine_LoadsToTheSameText(char c)
    {
        var reader = new ConfigReader(RunKeys.All).SetFromCommandLine("val_prompt", $"one{c}two", "--set");
        Assert.Equal($"one{c}two", RunConfig.Parse(reader.Values.ToYaml()).ValPrompt);
    }

    [Fact]
    public void ToYaml_LoadsToTheSameConfiguration()
    {
        var prompt = "a \"quote\": # no comment\nline";
        var config = Load(PythonConfig, ("optimizer.params.betas", "[0.8, 0.9]", "--set"), ("val_prompt", prompt, "--set"), ("name", "007", "-n"));
        var again = Load(config.Values.ToYaml());
        Assert.Equal(config.Run, again.Run);
        Assert.Contains("betas: [0.8, 0.9] # --set", config.Values.ToYaml());
    }

    [Fact]
    public void ShippedConfigurations_Load()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.At("configs"), "*.yaml").Where(f => !f.EndsWith("path_templates.yaml")))
            Assert.Empty(ConfigLoader.Load(file, [("templates", Repository.At("configs", "path_templates.yaml"), "test")], TimeProvider.System).Notes);
        foreach (var file in Directory.EnumerateFiles(Repository.At("configs", "project_datasets"), "*.yaml"))
            new ConfigReader(DatasetKeys.All).ReadFile(file).ThrowIfWrong();
    }

    [Fact]
    public void Load_TokenizerByName_SetsTheVocabulary_BeforeAPreset_AndNamesItsFolder()
    {
        var config = Load("preset: gpt2-124m\ntokenizer: cl100k\n");
        Assert.Equal((100277, "cl100k", "cl100k"), (config.Run.Model.VocabSize, config.Run.Tokenizer, config.Paths.TokenizerName));
        Assert.Contains("vocab_size: 100277 # tokenizer cl100k", config.Values.ToYaml());
        Assert.EndsWith("/tokens/cl100k", config.Paths.Tokens);
        Assert.Equal("cl100k", RunConfig.Parse(config.Values.ToYaml()).Tokenizer);
    }

    [Theory]
    [InlineData("bpe/tokenizer.json", "bpe")]
    [InlineData("bpe/mine.tiktoken", "mine")]
    [InlineData("bpe", "bpe")]
    public void Load_TokenizerByPath_IsAbsolute_AndTellsItsIds(string path, string name)
    {
        _folder.Write("bpe/tokenizer.json", "");
        _folder.Write("bpe/mine.tiktoken", "");
        var file = _folder[path];
        var loaded = ConfigLoader.Load(_folder.Write("config.yaml", $"tokenizer: {file}\n"), [], TimeProvider.System, found => found == file ? 1234 : 0);
        Assert.Equal((file, 1234, name), (loaded.Run.Tokenizer, loaded.Run.Model.VocabSize, loaded.Paths.TokenizerName));
    }

    [Theory]
    [InlineData("tokenizer: o20k", "must be one of gpt2, cl100k, o200k")]
    [InlineData("tokenizer: o20k", "Did you mean 'o200k'?")]
    [InlineData("tokenizer: gpt2\nvocab_size: 50304", ":2: 'vocab_size' is 50304, but the tokenizer gpt2 has 50257 ids")]
    [InlineData("tokenizer: gpt2\npre_tokenizer: gpt2", ":2: 'pre_tokenizer' is for a tokenizer that is trained")]
    [InlineData("tokenizer: gpt2\nspecial_tokens: [a]", ":2: 'special_tokens' is for a tokenizer that is trained")]
    [InlineData("pre_tokenizer: cl100", "'pre_tokenizer' is 'cl100', but must be one of gpt2, cl100k, o200k, llama3, qwen2, nanochat. Did you mean 'cl100k'?")]
    [InlineData("special_tokens: a", "'special_tokens' must be a list of texts")]
    [InlineData("special_tokens: [[a]]", "'special_tokens' must be a list of texts")]
    [InlineData("special_tokens: [a, a]", "must be different texts")]
    [InlineData("special_tokens: [<|endoftext|>]", "must be different texts")]
    [InlineData("special_tokens: [\"a\\nb\"]", "must be different texts of a line")]
    [InlineData("special_tokens: [a, b]\nvocab_size: 258", ":2: 'vocab_size' is 258, but must be at least 259")]
    public void Load_TokenizerThatCannotBe_SaysWhy(string yaml, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigurationException>(() => Load(yaml)).Message);

    [Fact]
    public void Load_SpecialTokens_ResolveToThemselves()
    {
        var config = Load("pre_tokenizer: llama3\nspecial_tokens: [<|user|>, \"a, b\", '\"']\n", ("special_tokens", "[<|x|>, \"c \\u00e9\"]", "--set"));
        Assert.Equal(["<|x|>", "c é"], config.Run.SpecialTokens);
        Assert.Equal(["<|user|>", "a, b", "\""], Load("special_tokens: [<|user|>, \"a, b\", '\"']\n").Run.SpecialTokens);
        Assert.Equal(config.Run.SpecialTokens, RunConfig.Parse(config.Values.ToYaml()).SpecialTokens);
    }

    [Fact]
    public void Load_Spike_IsOffUnlessItsSigmaIsSet_AndThenHasItsDefaults()
    {
        var plain = Load("name: a\n");
        Assert.Null(plain.Run.Spike);
        Assert.DoesNotContain("spike", plain.Values.ToYaml());
        Assert.Equal(new SpikeConfig(6, 100, 0), Load("spike:\n  sigma: 6\n").Run.Spike);
        var all = Load("spike: {sigma: 4.5, window: 20, skip: 3}\n");
        Assert.Equal((new SpikeConfig(4.5, 20, 3), all.Run.Spike), (all.Run.Spike, RunConfig.Parse(all.Values.ToYaml()).Spike));
        var error = Assert.Throws<ConfigurationException>(() => Load("spike: {window: 20, skip: 3}\n"));
        Assert.Contains(":1: 'spike.window' does nothing without 'spike.sigma': set that too", error.Errors[0]);
        Assert.Contains("'spike.skip' does nothing without", error.Errors[1]);
        Assert.Throws<ConfigurationException>(() => Load("spike: {sigma: 0}\n"));
        Assert.Throws<ConfigurationException>(() => Load("spike: {sigma: 4, window: 1}\n"));
    }

    private LoadedConfig Load(string yaml, params (string Name, string Value, string Option)[] overrides) =>
        ConfigLoader.Load(_folder.Write("config.yaml", yaml), overrides, TimeProvider.System);
}
