namespace Dtt.Core.Configuration;

/// <summary>A run's configuration: a value, complete and checked. The YAML names of its keys are in <see cref="RunKeys"/>.</summary>
public sealed record RunConfig
{
    /// <summary>Name of the run before it is numbered.</summary>
    public required string Name { get; init; }

    /// <summary>Seed of weights, data order, dropout and samples.</summary>
    public required long Seed { get; init; }

    /// <summary>The model's shape.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>The checkpoint to start from, as the user names it, or null.</summary>
    public required string? InitFrom { get; init; }

    /// <summary>Dataset name; of a mixture, the first one's.</summary>
    public required string Dataset { get; init; }

    /// <summary>The mixture that the configuration names; null: all of <see cref="Dataset"/>.</summary>
    public IReadOnlyList<MixtureStage>? Mixture { get; init; }

    /// <summary>Whether the mixture has an end, which <see cref="Epochs"/> does not repeat.</summary>
    public bool EndsWithItsMixture => Mixture is not null and not [{ IsByWeight: true, Tokens: null }];

    /// <summary>The datasets, in the order of their first mention.</summary>
    public IReadOnlyList<string> DatasetNames => Mixture is null ? [Dataset] : [.. Mixture.SelectMany(s => s.Datasets).Select(d => d.Name).Distinct()];

    /// <summary>A tokenizer that is there already: one of <see cref="TokenizerNames.Public"/> or a file, absolute; null: one is trained.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>How text is cut into words before a tokenizer is trained; null: <c>gpt2</c>.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>Special tokens of a trained tokenizer besides <c>&lt;|endoftext|&gt;</c>.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Tokens that neighbouring windows share.</summary>
    public required int Overlap { get; init; }

    /// <summary>Whether each training window begins with a document.</summary>
    public bool WindowsBeginWithDocuments { get; init; }

    /// <summary>Whether token shards are copied to the node's own disk first.</summary>
    public required bool Stage { get; init; }

    /// <summary>Share of documents kept for validation, 0–0.5.</summary>
    public required double ValFraction { get; init; }

    /// <summary>Sequences per rank and forward pass, B.</summary>
    public required int MicroBatchSize { get; init; }

    /// <summary>Micro-batches per step.</summary>
    public required int GradAccumulationSteps { get; init; }

    /// <summary>Passes over the training windows.</summary>
    public required int Epochs { get; init; }

    /// <summary>Upper bound on the steps, or null.</summary>
    public required long? MaxSteps { get; init; }

    /// <summary>Upper bound on the tokens, or null.</summary>
    public required long? MaxTokens { get; init; }

    /// <summary>Largest 2-norm of the gradient; 0: no clipping.</summary>
    public required double GradClip { get; init; }

    /// <summary>What is a spike of the training loss; null: nothing is looked for.</summary>
    public SpikeConfig? Spike { get; init; }

    /// <summary><c>auto</c>, <c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }

    /// <summary>Whether <c>auto</c> may choose bf16.</summary>
    public required bool Autocast { get; init; }

    /// <summary>Whether backward runs each block again instead of keeping its activations.</summary>
    public required bool ActivationCheckpointing { get; init; }

    /// <summary>Whether operations without a fixed order of summation are refused.</summary>
    public required bool Deterministic { get; init; }

    /// <summary>The optimizer's constants.</summary>
    public required OptimizerConfig Optimizer { get; init; }

    /// <summary>The learning rate over the run.</summary>
    public required LearningRateConfig LearningRate { get; init; }

    /// <summary>Steps between validations; 0: only at the end.</summary>
    public required int EvalEvery { get; init; }

    /// <summary>Target tokens of one validation.</summary>
    public required long ValTokens { get; init; }

    /// <summary>A file of multiple-choice questions, or null.</summary>
    public required string? Choices { get; init; }

    /// <summary>Questions answered at most.</summary>
    public required long MaxChoices { get; init; }

    /// <summary>Prompt of the samples during training.</summary>
    public required string ValPrompt { get; init; }

    /// <summary>Temperature of the samples during training.</summary>
    public required double Temperature { get; init; }

    /// <summary>Steps between checkpoints; 0: only at the end.</summary>
    public required int SaveEvery { get; init; }

    /// <summary>Whether saves are due by the clock, at the interval that loses least.</summary>
    public required bool SavesBySchedule { get; init; }

    /// <summary>Newest checkpoints kept.</summary>
    public required int Keep { get; init; }

    /// <summary>Steps between log lines.</summary>
    public required int LogEvery { get; init; }

    /// <summary>Whether metrics are written as TensorBoard event files too.</summary>
    public required bool TensorBoard { get; init; }

    /// <summary>Whether the command that sends those files to W&amp;B is printed at the end.</summary>
    public required bool Wandb { get; init; }

    /// <summary>Whether the phases of steps are timed.</summary>
    public required bool Profile { get; init; }

    /// <summary>Whether to train on a GPU when there is one.</summary>
    public required bool Cuda { get; init; }

    /// <summary>Ranks to train on, on each node.</summary>
    public required int RanksPerNode { get; init; }

    /// <summary>Nodes to train on; 0: all of the platform.</summary>
    public required int Nodes { get; init; }

    /// <summary>Fewest nodes to continue with.</summary>
    public required int MinNodes { get; init; }

    /// <summary>How long to wait for a lost node.</summary>
    public required TimeSpan NodeWait { get; init; }

    /// <summary>Fewest ranks of a node to continue with.</summary>
    public required int MinRanks { get; init; }

    /// <summary>Whether each rank keeps only its share of the optimizer's state.</summary>
    public required bool ShardOptimizer { get; init; }

    /// <summary>Builds the configuration from checked values.</summary>
    public static RunConfig From(ConfigValues v) => new()
    {
        Name = v.Text("name"),
        Seed = v.Long("seed"),
        Model = ModelConfig.From(v),
        InitFrom = v.TextOrNull("init_from"),
        Dataset = v.Text("dataset"),
        Mixture = MixtureKeys.StagesOf(v),
        Tokenizer = v.TextOrNull("tokenizer"),
        PreTokenizer = v.TextOrNull("pre_tokenizer"),
        SpecialTokens = v.Texts("special_tokens"),
        Overlap = v.Int("overlap"),
        WindowsBeginWithDocuments = v.TextOrNull("pack") == "bos",
        Stage = v.Bool("stage"),
        ValFraction = v.Double("val_fraction"),
        MicroBatchSize = v.Int("batch_size"),
        GradAccumulationSteps = v.Int("grad_accumulation_steps"),
        Epochs = v.Int("epochs"),
        MaxSteps = v.LongOrNull("max_steps"),
        MaxTokens = v.LongOrNull("max_tokens"),
        GradClip = v.Double("grad_clip"),
        Spike = SpikeConfig.From(v),
        Precision = v.Text("precision"),
        Autocast = v.Bool("autocast"),
        ActivationCheckpointing = v.Bool("activation_checkpointing"),
        Deterministic = v.Bool("deterministic"),
        Optimizer = OptimizerConfig.From(v),
        LearningRate = LearningRateConfig.From(v),
        EvalEvery = EvalEveryOf(v),
        ValTokens = v.Long("val_tokens"),
        Choices = v.TextOrNull("choices"),
        MaxChoices = v.Long("max_choices"),
        ValPrompt = v.Text("val_prompt"),
        Temperature = v.Double("temp"),
        SaveEvery = v.IsWord("save_every") ? 0 : (int)(v.LongOrNull("save_every") ?? EvalEveryOf(v)),
        SavesBySchedule = v.IsWord("save_every"),
        Keep = v.Int("keep"),
        LogEvery = v.Int("eff_batch_per_log"),
        TensorBoard = v.Bool("tensorboard") || v.Bool("wandb"),
        Wandb = v.Bool("wandb"),
        Profile = v.Bool("profile"),
        Cuda = v.Bool("cuda"),
        ShardOptimizer = v.Bool("shard_optimizer"),
        RanksPerNode = v.Int("ranks_per_node"),
        Nodes = v.IntOrWord("nodes") ?? 0,
        MinNodes = v.Int("min_nodes"),
        NodeWait = TimeSpan.FromSeconds(v.Int("node_wait")),
        MinRanks = (int)(v.LongOrNull("min_ranks") ?? v.Int("ranks_per_node")),
    };

    /// <summary>Reads a run's resolved <c>config.yaml</c>.</summary>
    /// <exception cref="Errors.ConfigurationException">It was changed into something that is no configuration.</exception>
    public static RunConfig Parse(string yaml)
    {
        var reader = new ConfigReader(RunKeys.All).ReadText(yaml, "config.yaml");
        reader.ThrowIfWrong();
        return From(reader.Values);
    }

    private static int EvalEveryOf(ConfigValues v) =>
        (int)(v.LongOrNull("eval_every") ?? (v.LongOrNull("log_per_val") is { } logs ? logs * v.Int("eff_batch_per_log") : 250));
}
